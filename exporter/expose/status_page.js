// Keeps the status page alive: counts down, and asks for the page anew every few seconds. Without
// it the page says the same and is refreshed by its <noscript>.
"use strict";
(() => {
  // The server tells how many seconds are left, and this browser's monotonic clock counts them:
  // whatever its wall clock shows does not matter. Counted from when the page was asked for, not
  // from when it came: a slow network must not make the time look longer.
  let askedAt = performance.getEntriesByType("navigation")[0]?.requestStart ?? 0;
  let lost = false;
  let timer;

  const page = () => document.getElementById("page");
  const put = (element, text) => {
    if (element.textContent !== text) element.textContent = text;
  };

  // The same form as the server's.
  const countdown = (seconds) => {
    const two = (n) => String(n).padStart(2, "0");
    const total = Math.max(0, Math.floor(seconds));
    const [h, m, s] = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60];
    if (h >= 24) return Math.floor(h / 24) + (h < 48 ? " day" : " days");
    return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
  };

  const draw = () => {
    const passed = (performance.now() - askedAt) / 1000;
    const clock = page().querySelector("[data-seconds-left]");
    if (clock !== null) {
      const left = Number(clock.dataset.secondsLeft) - passed;
      put(clock, countdown(left));
      for (const line of page().querySelectorAll("[data-when]")) {
        line.hidden = (line.dataset.when === "over") !== (left <= 0);
      }
      document.title = `${countdown(left)} · ${page().dataset.title}`;
    }
    document.getElementById("lost").hidden = !lost;
    document.body.classList.toggle("lost", lost);
    if (lost) put(document.getElementById("age"), `${Math.floor(passed)} s`);
  };

  const take = (fresh, at) => {
    const [old, next] = [page(), fresh.getElementById("page")];
    if (next === null) throw new Error("this is not the status page");
    if (at < askedAt) return;  // overtaken by a later one
    // The exporter is another version by now: so are this script and the style.
    if (fresh.body.dataset.build !== document.body.dataset.build) return location.reload();
    const same = old.dataset.news === next.dataset.news;
    // What somebody is about to copy stays for a while.
    if (same && getSelection().type === "Range" && at - askedAt < 30000) return;
    old.replaceWith(next);
    askedAt = at;
    document.title = fresh.title;
    document.querySelector("link[rel=icon]").href = fresh.querySelector("link[rel=icon]").href;
    if (!same) put(document.getElementById("news"), next.dataset.news);
  };

  const refresh = async () => {
    clearTimeout(timer);
    const at = performance.now();
    try {
      const answer = await fetch(location.origin + location.pathname,
                                 {cache: "no-store", signal: AbortSignal.timeout(5000)});
      if (!answer.ok) throw new Error(answer.statusText);
      take(new DOMParser().parseFromString(await answer.text(), "text/html"), at);
      lost = false;
    } catch {
      lost = true;
    }
    draw();
    plan();
  };
  const plan = () => {
    clearTimeout(timer);
    timer = setTimeout(refresh, Number(page().dataset.refresh) * 1000);
  };

  setInterval(draw, 250);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) refresh();
  });
  draw();
  plan();
})();
