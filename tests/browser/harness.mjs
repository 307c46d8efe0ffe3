// The harness of the browser tests: serves dist/, launches Chromium, opens pages that fail a test on console errors and
// on any request to another host.
//
// A test file is NAME.test.mjs and default-exports an object of `title: async (site) => {...}`; `site.open(path, options)`
// gives a Playwright page. `node tests/browser/run.mjs [NAME]` runs all of them, or those whose file name has NAME in it.

import { execFileSync } from "node:child_process";
import { createServer } from "node:http";
import { readFile, stat } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

export const root = fileURLToPath(new URL("../..", import.meta.url));
export const dist = process.env.FAULTLINE_DIST ?? join(root, "dist");

const types = {
  ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".wasm": "application/wasm",
  ".svg": "image/svg+xml", ".json": "application/json",
};

/** Serves dist/ under a base path, as any static host would. */
async function serve(base) {
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url, "http://localhost").pathname);
    let file = path.startsWith(base) ? normalize(join(dist, path.slice(base.length))) : "";
    try {
      if ((await stat(file)).isDirectory()) file = join(file, "index.html");
      response.writeHead(200, { "content-type": types[extname(file)] ?? "application/octet-stream" });
      response.end(await readFile(file));
    } catch {
      response.writeHead(404, { "content-type": "text/html; charset=utf-8" });
      response.end(await readFile(join(dist, "404.html")));
    }
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return { server, address: `http://127.0.0.1:${server.address().port}${base}` };
}

function findChromium() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  return execFileSync("sh", ["-c", "command -v chromium || command -v chromium-browser || command -v google-chrome"]).toString().trim();
}

/** Everything a test needs: a server, a browser, and pages that are watched. */
export async function openSite(base = "/") {
  const { server, address } = await serve(base);
  const browser = await chromium.launch({
    executablePath: findChromium(),
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync"],
  });
  const troubles = [];
  /** Opens an address; options: width, height, dark, reducedMotion, touch, storage, javaScriptEnabled, wait, missing. */
  async function open(path, options = {}) {
    const context = options.context ?? await browser.newContext({
      viewport: { width: options.width ?? 1440, height: options.height ?? 900 },
      colorScheme: options.dark ? "dark" : "light",
      reducedMotion: options.reducedMotion ? "reduce" : "no-preference",
      hasTouch: options.touch ?? false,
      javaScriptEnabled: options.javaScriptEnabled ?? true,
      permissions: ["clipboard-read", "clipboard-write"],
    });
    if (options.storage) {
      await context.addInitScript((items) => Object.entries(items).forEach(([k, v]) => localStorage.setItem(k, v)), options.storage);
    }
    const page = await context.newPage();
    // A page that is meant to be missing answers 404, and the browser says so whenever it likes.
    const isExpected = (text) => options.missing && text.includes("404");
    const note = (text) => isExpected(text) || troubles.push(`${path}: ${text}`);
    page.on("console", (message) => message.type() === "error" && note(`console: ${message.text()}`));
    page.on("response", (response) => response.status() >= 400 && note(`${response.status()} ${response.url()}`));
    page.on("pageerror", (error) => troubles.push(`${path}: ${error}`));
    page.on("request", (request) => {
      const url = request.url();
      if (!url.startsWith(new URL(address).origin) && !/^(data|blob):/.test(url)) troubles.push(`${path}: foreign request ${url}`);
    });
    await page.goto(address + path);
    if (options.wait !== false && options.javaScriptEnabled !== false) await started(page);
    return page;
  }
  /** What went wrong on any page since the last call. */
  const takeTroubles = () => troubles.splice(0);
  const close = async () => { await browser.close(); server.close(); };
  return { address, browser, open, takeTroubles, close };
}

/** Waits until the app has taken the page over. */
export async function started(page) {
  await page.waitForSelector("header .theme", { timeout: 30_000 });
  if (await page.locator(".page.scenario").count()) await page.waitForSelector("#stage[data-fingerprint]");
}

/** The stage's data: scenario, step, time, fingerprint. */
export function stage(page) {
  return page.$eval("#stage", (stage) => ({ ...stage.dataset, step: Number(stage.dataset.step) }));
}

/** Presses a button by its accessible name some times. */
export async function press(page, name, times = 1) {
  const button = page.getByRole("button", { name, exact: true }).first();
  for (let count = 0; count < times; count += 1) await button.click();
}

export function ensure(holds, sentence) {
  if (!holds) throw new Error(sentence);
}

/** The addresses of all scenarios, from the built site's home page. */
export async function scenarios() {
  const home = await readFile(join(dist, "index.html"), "utf8");
  return [...home.matchAll(/<li><a href="\.\/([a-z0-9-]+\/[a-z0-9-]+)\/"/g)].map((match) => match[1]);
}
