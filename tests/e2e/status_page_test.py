"""The status page of the real exporter, as a real browser shows it."""

import html.parser
import http.server
import os
import re
import shutil
import subprocess
import tempfile
import threading

import harness


class Elements(html.parser.HTMLParser):
    """The elements of a document: their attributes, and the text up to the next tag."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self._open = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((dict(attrs), []))
        self._open = True

    def handle_endtag(self, tag):
        self._open = False

    def handle_data(self, data):
        if self._open:
            self.found[-1][1].append(data)

    def one(self, **wanted):
        """Attributes and text of the only element with those attributes."""
        found = [(attrs, "".join(text)) for attrs, text in self.found
                 if all(attrs.get(name) == value for name, value in wanted.items())]
        assert len(found) == 1, (wanted, found)
        return found[0]


class LostBehindThePage:
    """Gives a page of the exporter to whoever opens it, and nothing to the page's script."""

    def __init__(self, response, body):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                if self.headers["Sec-Fetch-Dest"] != "document":
                    self.send_error(503)
                    return
                page = body.encode()
                self.send_response(200)
                for name in ("Content-Type", "Content-Security-Policy"):
                    self.send_header(name, response.headers[name])
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = "127.0.0.1:%d" % self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def seconds_of(clock):
    """299 of "4:59"."""
    total = 0
    for part in clock.split(":"):
        total = total * 60 + int(part)
    return total


class StatusPageTest(harness.Case):
    def start_everything(self, *flags):
        self.start_simulator(*flags)
        self.start_exporter("--poll.spot-interval=1s", "--poll.notice-interval=1s")
        self.exporter.wait_for("first fill complete")

    def schedule(self, seconds):
        self.control_api("PUT", "/control/spot-termination", {"in_seconds": seconds})
        self.exporter.wait_for("spot termination scheduled|termination was moved")
        while 'role="timer"' not in self.page("/"):
            self.assertIsNone(self.exporter.process.poll(), "the exporter ended")

    def browse(self, address, seconds):
        """What becomes of the page in a browser: the document, what the console says (there it
        complains of scripts, and of what the policy forbids), and what the page asked for.

        So many seconds pass in the browser; its time jumps from timer to timer and waits for
        answers, so outside it takes hardly any.
        """
        browser = shutil.which("chromium") or shutil.which("chromium-browser")
        if not browser:
            self.skip_or_fail("no chromium; exporter/packaging/debian-packages names it")
        origin = f"http://{address}"
        with tempfile.TemporaryDirectory() as folder:
            net_log = os.path.join(folder, "net.json")
            done = subprocess.run(
                [browser, "--headless=new", "--no-sandbox", "--disable-gpu",
                 "--disable-dev-shm-usage", "--no-first-run", "--disable-component-update",
                 "--disable-background-networking", "--disable-extensions",
                 # The browser itself finds nobody to talk to.
                 "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
                 f"--user-data-dir={folder}/profile", "--enable-logging=stderr", "--v=0",
                 f"--log-net-log={net_log}", "--window-size=360,800",
                 f"--virtual-time-budget={int(seconds * 1000)}", "--dump-dom", origin + "/"],
                env=harness.environment(HOME=folder), stdin=subprocess.DEVNULL,
                capture_output=True, text=True, errors="replace", timeout=harness.DEADLINE,
                check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn('id="page"', done.stdout, done.stderr)
            console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
            asked = set()
            with open(net_log, encoding="utf-8", errors="replace") as file:
                for event in file:
                    # The rest are the browser's own.
                    if f'"initiator":"{origin}"' in event:
                        asked.update(re.findall(r'"url":"([^"]*)"', event))
        return Elements(done.stdout), console, asked

    def test_counts_down_in_a_browser_that_asks_nobody_but_the_exporter(self):
        self.start_everything()
        self.schedule(3600)
        first, _ = Elements(self.page("/")).one(role="timer")
        page, console, asked = self.browse(self.web, 5)
        attrs, counted = page.one(role="timer")
        told = float(attrs["data-seconds-left"])
        self.assertLess(told, float(first["data-seconds-left"]))
        self.assertLessEqual(seconds_of(counted), told)
        self.assertIn("hidden", page.one(id="lost")[0])
        self.assertEqual(console, [])
        # The script asks for the page anew, and for nothing else.
        self.assertEqual(asked, {f"http://{self.web}/"})

    def test_counts_to_the_end_when_the_exporter_is_lost_and_says_that_it_is(self):
        self.start_everything()
        self.schedule(28)
        response = harness.request(self.web, "GET", "/")
        # It finds in the 22nd second that the exporter is lost, and would ask again in the 44th: what it
        # shows in the 40th it has counted by itself.
        self.assertIn('data-refresh="2"', response.body)
        stand_in = LostBehindThePage(
            response, response.body.replace('data-refresh="2"', 'data-refresh="22"'))
        self.addCleanup(stand_in.close)
        page, _, _ = self.browse(stand_in.address, 40)
        self.assertEqual(page.one(role="timer")[1], "0:00")
        self.assertIn("hidden", page.one(**{"data-when": "ahead"})[0])
        self.assertNotIn("hidden", page.one(**{"data-when": "over"})[0])
        self.assertNotIn("hidden", page.one(id="lost")[0])
        self.assertGreaterEqual(int(page.one(id="age")[1].removesuffix(" s")), 22)

    def test_tells_the_same_without_script(self):
        self.start_everything()
        self.schedule(3600)
        page = self.page("/")
        left = float(Elements(page).one(role="timer")[0]["data-seconds-left"])
        self.assertTrue(3500 < left <= 3600, left)
        self.assertEqual(seconds_of(Elements(page).one(role="timer")[1]), int(left))
        self.assertRegex(page, r'<noscript><meta http-equiv="refresh" content="\d+"></noscript>')

    def test_is_sent_with_a_strict_policy_and_not_kept(self):
        self.start_everything()
        headers = harness.request(self.web, "GET", "/").headers
        self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
        self.assertNotIn("unsafe", headers["Content-Security-Policy"])
        self.assertEqual(headers["Referrer-Policy"], "no-referrer")
        self.assertEqual(headers["Cache-Control"], "no-store")


if __name__ == "__main__":
    harness.main()
