// The harness of the browser tests: the built site behind the project's own server, Chromium, and pages that fail a test on
// console errors and on any request to another host.
//
// A test file is NAME.test.mjs and default-exports an object of `title: async (site) => {...}`; `site.open(path, options)`
// gives a Playwright page. It may also export `visits`: pages that several tests look at in turn, `{ path, tests: { title:
// async (page, site) => {...} } }`. `node tests/browser/run.mjs [NAME]` runs all, or the files that have NAME in their name.

import { execFileSync, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

export const root = fileURLToPath(new URL("../..", import.meta.url));
export const dist = process.env.FAULTLINE_DIST ?? join(root, "dist");

/** Serves dist/ under a base path; what is there, without building it. */
export async function serve(base = "/") {
  const words = ["xtask", "serve", "--port", "0", "--base", base, "--site", dist];
  const server = spawn("cargo", words, { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
  const stop = () => server.kill();
  process.once("exit", stop);
  for await (const line of createInterface(server.stdout)) {
    if (line.startsWith("http://")) return { address: line, stop };
  }
  throw new Error("the server does not start");
}

function findChromium() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  const names = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"];
  return execFileSync("sh", ["-c", names.map((name) => `command -v ${name}`).join(" || ")]).toString().trim();
}

/** With more words for Chromium. */
export function launch(...words) {
  return chromium.launch({
    executablePath: findChromium(),
    args: [...words, "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync"],
  });
}

/** A server and a browser of one's own, and pages in it. */
export async function openSite() {
  const [server, browser] = await Promise.all([serve(), launch()]);
  const site = await Site.on(browser, server.address);
  return Object.assign(site, { close: () => browser.close().then(server.stop) });
}

/** Pages of a served site that share a context: the browser's cache, and its storage, which `clear` empties. */
export class Site {
  #troubles = [];
  #context;
  #storage;

  static async on(browser, address) {
    const site = new Site();
    Object.assign(site, { browser, address });
    await site.renew();
    return site;
  }

  /** Begins again with a new context. */
  async renew() {
    await this.#context?.close();
    this.#context = await this.browser.newContext({ permissions: ["clipboard-read", "clipboard-write"] });
    this.#storage = await this.#context.newCDPSession(await this.#context.newPage());
  }

  get pages() {
    return this.#context.pages().slice(1);
  }

  /** Closes all pages, and forgets what they have stored. */
  async clear() {
    for (const page of this.pages) await page.close();
    await this.#forget();
  }

  close() {
    return this.#context.close();
  }

  #forget() {
    const origin = new URL(this.address).origin;
    return this.#storage.send("Storage.clearDataForOrigin", { origin, storageTypes: "cookies,indexeddb,local_storage" });
  }

  /** Opens an address; options: width, height, dark, reducedMotion, storage, fresh, wait, missing, context. */
  async open(path, options = {}) {
    if (options.fresh) await this.#forget();
    const page = await (options.context ?? this.#context).newPage();
    page.setDefaultTimeout(30_000);
    await resize(page, options.width, options.height);
    await page.emulateMedia({ colorScheme: options.dark ? "dark" : "light", reducedMotion: options.reducedMotion ? "reduce" : "no-preference" });
    if (options.storage) {
      await page.addInitScript((items) => Object.entries(items).forEach(([k, v]) => localStorage.setItem(k, v)), options.storage);
    }
    this.#watch(page, path, options.missing);
    await page.goto(this.address + path);
    if (options.wait !== false) await started(page);
    return page;
  }

  /** Notes errors of a page, and requests to other hosts. */
  #watch(page, path, missing) {
    // A page that is meant to be missing answers 404, and the browser says so whenever it likes.
    const isExpected = (text) => missing && text.includes("404");
    const note = (text) => isExpected(text) || this.#troubles.push(`${path}: ${text}`);
    page.on("console", (message) => message.type() === "error" && note(`console: ${message.text()}`));
    page.on("response", (response) => response.status() >= 400 && note(`${response.status()} ${response.url()}`));
    page.on("pageerror", (error) => this.#troubles.push(`${path}: ${error}`));
    page.on("request", (request) => {
      const url = request.url();
      const isOwn = url.startsWith(new URL(this.address).origin) || /^(data|blob):/.test(url);
      if (!isOwn) this.#troubles.push(`${path}: foreign request ${url}`);
    });
  }

  /** What went wrong on any page since the last call. */
  takeTroubles() {
    return this.#troubles.splice(0);
  }
}

export function resize(page, width = 1440, height = 900) {
  return page.setViewportSize({ width, height });
}

/** Waits until the app has taken the workbench's place, on a page that has one. */
export async function started(page) {
  if (await page.locator("#app").count()) await page.waitForSelector("#stage[data-fingerprint]");
}

/** The stage's data: scenario, step, time, fingerprint. */
export function stage(page) {
  return page.$eval("#stage", (stage) => ({ ...stage.dataset, step: Number(stage.dataset.step) }));
}

/** How often a button is pressed on before the page is drawn again. */
const BETWEEN_FRAMES = 5;

/** Presses a button by its accessible name some times: as a reader does, and on quickly, with pauses for the page to be drawn. */
export async function press(page, name, times = 1) {
  const button = page.getByRole("button", { name, exact: true }).first();
  await button.click();
  if (times === 1) return;
  await button.evaluate(async (element, [more, between]) => {
    for (let count = 1; count <= more; count += 1) {
      element.click();
      if (count % between === 0 || count === more) await new Promise((drawn) => setTimeout(drawn));
    }
  }, [times - 1, BETWEEN_FRAMES]);
}

/** Until the page has been drawn as it is now. */
export function drawn(page) {
  return page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
}

/** Seeks by the scrubber, as a reader does. */
export async function seek(page, step) {
  await page.getByLabel("Seek").evaluate((input, value) => {
    input.value = value;
    input.dispatchEvent(new Event("input", { bubbles: true }));
  }, String(step));
}

export function ensure(holds, sentence) {
  if (!holds) throw new Error(sentence);
}

/** The addresses of all scenarios, from the built site's home page. */
export async function scenarios() {
  const home = await readFile(join(dist, "index.html"), "utf8");
  return [...home.matchAll(/<li><a href="\.\/([a-z0-9-]+\/[a-z0-9-]+)\/"/g)].map((match) => match[1]);
}
