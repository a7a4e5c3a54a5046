// Draws the dashboards in a headless Chromium, each light and dark, with the scripted hour of
// tests/fleet/scripted_hour.cc: node draw.js FOLDER
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';
import { Page, chromium } from 'playwright-core';
import type { Drawing } from './page';

const [top, folder] = process.argv.slice(2);
const modules = join(top, 'build/_tools/pictures/node_modules');
const width = 1280;
const fonts = { Regular: '400-normal', Medium: '500-normal', Italic: '400-italic' };

// When in the hour, from when on, and what somebody chose and opened.
type Shot = Pick<Drawing, 'chosen' | 'opened'> & { minutes: [from: number, to: number] };
const shots: Record<string, Shot> = {
  // Two to four are about to go, from one zone, and other trouble stands.
  fleet: { minutes: [1.25, 46.25], chosen: {}, opened: 'cn-hangzhou' },
  instance: { minutes: [1.25, 46.25], chosen: { instance: ['10.0.0.3:10200'] }, opened: '' },
  spot: { minutes: [1.25, 46.25], chosen: {}, opened: 'cn-hangzhou-i' },
  exporter: { minutes: [1.25, 46.25], chosen: { instance: ['10.0.0.2:10200', '10.0.0.6:10200'] }, opened: '' },
};

/** The page as a script and its style sheet. */
async function bundle() {
  const { outputFiles } = await build({
    entryPoints: { page: join(top, 'dashboards/drawing/page.tsx') }, outdir: '/drawing', write: false,
    bundle: true, format: 'esm', target: 'es2022', jsx: 'automatic', minify: true, nodePaths: [modules],
    logLevel: 'error',
    // Grafana's parts want two generations of the router; all they take of the older is the same in both.
    alias: { 'react-router-dom-v5-compat': 'react-router-dom' },
    define: { 'process.env.NODE_ENV': '"production"', global: 'window' },
    loader: { '.ttf': 'dataurl', '.woff': 'dataurl', '.woff2': 'dataurl', '.svg': 'dataurl' },
  });
  return Object.fromEntries(outputFiles.map(({ path, text }) => [path, text]));
}

async function prometheus() {
  const program = spawn('/usr/bin/python3', ['-B', join(top, 'tests/e2e/dashboard_data.py'), '--serve'],
    { stdio: ['ignore', 'pipe', 'inherit'] });
  process.on('exit', () => program.kill());
  const ended = once(program, 'exit');
  const [line] = await Promise.race([once(createInterface(program.stdout), 'line'), ended]);
  if (typeof line !== 'string') throw new Error('there is no Prometheus');
  const stop = async () => {
    program.kill();
    await ended;
  };

  return { ...JSON.parse(line) as { url: string; start: number }, stop };
}

/** Everything that is not Prometheus's API comes from here, as if Grafana were in front of it. */
async function provide(page: Page, files: Record<string, string>) {
  const html = '<!doctype html><meta charset="utf-8"><base href="/"><link rel="icon" href="data:,">' +
    '<link rel="stylesheet" href="/drawing/page.css">' +
    '<body><div id="root" style="padding:16px"></div><script type="module" src="/drawing/page.js"></script>';
  await page.route('**/d/*', (route) => route.fulfill({ contentType: 'text/html', body: html }));
  await page.route('**/drawing/*', (route) => {
    const path = new URL(route.request().url()).pathname;
    return route.fulfill({ contentType: path.endsWith('.css') ? 'text/css' : 'text/javascript', body: files[path] });
  });
  await page.route('**/public/fonts/inter/*', (route) => {
    const font = /Inter-(\w+)\./.exec(route.request().url())![1] as keyof typeof fonts;
    return route.fulfill({ path: join(modules, `@fontsource/inter/files/inter-latin-${fonts[font]}.woff2`) });
  });
  await page.route('**/public/build/**', (route) => {
    const { pathname } = new URL(route.request().url());
    const path = join(modules, '@grafana/ui/dist/public', pathname.replace('/public/build', ''));
    if (existsSync(path)) return route.fulfill({ path });
    // Of two icons that are not published, one has a mirror image that is; the other is there only while
    // queries run.
    const mirror = path.replace('left', 'right');
    const body = existsSync(mirror)
      ? readFileSync(mirror, 'utf-8').replace('<path ', '<path transform="scale(-1,1) translate(-24,0)" ')
      : '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"></svg>';
    return route.fulfill({ contentType: 'image/svg+xml', body });
  });
}

async function draw(page: Page, url: string, name: string) {
  await page.setViewportSize({ width, height: 800 });
  await page.goto(`${url}/d/${name}`);
  const settled = () => page.waitForFunction(() => window.problems?.(), undefined, { timeout: 120000, polling: 500 });
  await settled();
  await page.setViewportSize({ width, height: await page.evaluate(() => document.documentElement.scrollHeight) });
  await page.waitForTimeout(1000); // what is drawn anew for the new size, tells nobody when it is done
  return (await settled()).jsonValue();
}

for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));
const files = await bundle();
const data = await prometheus();
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
const problems: string[] = [];
try {
  for (const [name, { minutes, chosen, opened }] of Object.entries(shots)) {
    const dashboard = JSON.parse(readFileSync(join(top, `dashboards/${name}.json`), 'utf-8'));
    const [from, to] = minutes.map((minute) => new Date(1000 * (data.start + 60 * minute)).toISOString());
    for (const theme of ['light', 'dark'] as const) {
      const page = await browser.newPage({ timezoneId: 'UTC', locale: 'en-GB', colorScheme: theme });
      page.on('pageerror', (error) => problems.push(`${name}: ${error.stack}`));
      page.on('console', (message) => message.type() === 'error' && problems.push(`${name}: ${message.text()}`));
      await provide(page, files);
      await page.addInitScript((drawing) => Object.assign(window, {
        drawing,
        process: { env: { NODE_ENV: 'production' } },
        grafanaBootData: { settings: { featureToggles: {} }, user: {}, navTree: [] },
      }), { dashboard, theme, from, to, chosen, opened } satisfies Drawing);
      problems.push(...(await draw(page, data.url, name))!.map((problem) => `${name}: ${problem}`));
      await page.screenshot({ path: join(folder, `${name}-${theme}.png`) });
      await page.close();
    }
  }
} finally {
  await browser.close();
  await data.stop();
}
if (problems.length) {
  console.error([...new Set(problems)].join('\n'));
  process.exit(1);
}
