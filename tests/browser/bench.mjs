// The browser's side of the benches: run, seek and frame times in Chromium, sizes of what is loaded. Prints a table.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { spawnSync } from "node:child_process";
import { brotliCompressSync } from "node:zlib";
import { dist, openSite, root, scenarios, stage } from "./harness.mjs";

const rows = [];
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const quantile = (list, part) => [...list].sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * part))];

const guides = [...new Set((await scenarios()).map((path) => path.split("/")[0]))];
for (const guide of guides) {
  const page = await readFile(join(dist, guide, "index.html"), "utf8");
  for (const [, file] of page.matchAll(/href="([^"]+\.(?:wasm|js))"/g)) {
    const bytes = await readFile(join(dist, guide, file));
    rows.push([`${guide}: ${file.split(".").pop()}`, `${bytes.length} bytes, ${brotliCompressSync(bytes).length} brotli`]);
  }
}

const site = await openSite();
const page = await site.open("consensus/raft-election/");

/** Imports a run that stands at this event, and gives the time of the change in milliseconds. */
async function time(action) {
  return page.evaluate(action);
}

const seekTo = (step) => time(`(() => {
  const input = document.querySelector("[aria-label=Seek]");
  input.max = 100000;
  input.value = ${step};
  const start = performance.now();
  input.dispatchEvent(new Event("input", { bubbles: true }));
  return performance.now() - start;
})()`);

const first = await seekTo(100000);
if ((await stage(page)).step !== 100000) throw new Error("the run has no 100,000 events");
rows.push(["100,000 Raft events from the start, with checkpoints", `${first.toFixed(0)} ms, ${(100 / first).toFixed(2)} M events/s`]);
const seeks = [];
for (const step of [1, 49999, 99743, 20000, 75001, 3, 99999]) {
  await seekTo(100000);
  seeks.push(await seekTo(step));
}
rows.push(["seek in a run of 100,000 events", `median ${median(seeks).toFixed(1)} ms, most ${Math.max(...seeks).toFixed(1)} ms`]);

/** Script time of each animation frame over some seconds of play. */
async function frames(path, prepare) {
  const page = await site.open(path);
  await prepare(page);
  await page.getByRole("button", { name: "Play", exact: true }).click();
  const times = await page.evaluate(() => new Promise((done) => {
    const raw = window.requestAnimationFrame.bind(window);
    const times = [];
    let flights = 0;
    window.requestAnimationFrame = (callback) => raw((now) => {
      const start = performance.now();
      callback(now);
      times.push(performance.now() - start);
      flights = Math.max(flights, document.querySelectorAll("[data-flight]").length);
    });
    setTimeout(() => { window.requestAnimationFrame = raw; done({ times, flights }); }, 4000);
  }));
  await page.close();
  return times;
}

const slowLoad = async (page) => {
  await page.getByRole("tab", { name: "Rules & load" }).click();
  const set = async (name, key) => { await page.locator(`[data-setting=${name}] input`).focus(); await page.keyboard.press(key); };
  // Nearly every read misses and waits for a slow database: some 200 messages are on their way at any moment.
  for (const [name, key] of [["rate", "End"], ["database", "End"], ["clients", "End"], ["servers", "End"], ["keys", "End"], ["skew", "Home"], ["capacity", "Home"]]) {
    await set(name, key);
  }
};
const { times, flights } = await frames("caching/cache-aside/", slowLoad);
rows.push([`frame, ${flights} messages drawn at most`, `median ${median(times).toFixed(2)} ms, 99 % ${quantile(times, 0.99).toFixed(2)} ms, ${times.length} frames`]);

// The flash sale in real time, then ten virtual minutes of it as fast as the page plays.
const bounded = await site.browser.newContext({ viewport: { width: 1440, height: 900 } });
await bounded.addInitScript(() => {
  const { instantiateStreaming } = WebAssembly;
  WebAssembly.instantiateStreaming = async (...given) => {
    const made = await instantiateStreaming.apply(WebAssembly, given);
    window.wasmMemory = made.instance.exports.memory;
    return made;
  };
});
const sale = await site.open("messaging/flash-sale/", { context: bounded });
const setSpeed = (exponent) => sale.getByRole("slider", { name: "Speed" }).evaluate((slider, value) => {
  slider.value = value;
  slider.dispatchEvent(new Event("input", { bubbles: true }));
}, exponent);
const memory = () => sale.evaluate(() => window.wasmMemory.buffer.byteLength / 2 ** 20);
const virtual = async () => Number((await stage(sale)).timeUs) / 1e6;
await sale.getByRole("combobox", { name: "Pace" }).selectOption("by time");
await setSpeed(6);
await sale.getByRole("button", { name: "Play", exact: true }).click();
const played = await sale.evaluate(() => new Promise((done) => {
  const raw = window.requestAnimationFrame.bind(window);
  const seen = { scripts: [], gaps: [], streams: 0 };
  let last = 0;
  window.requestAnimationFrame = (callback) => raw((now) => {
    const start = performance.now();
    callback(now);
    seen.scripts.push(performance.now() - start);
    if (last) seen.gaps.push(now - last);
    last = now;
    seen.streams = Math.max(seen.streams, document.querySelectorAll(".stream").length);
  });
  setTimeout(() => { window.requestAnimationFrame = raw; done(seen); }, 20000);
}));
const { scripts, gaps, streams } = played;
const average = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
rows.push(["flash sale, 20 s in real time", `${(1000 / average).toFixed(1)} frames/s, 99 % of the gaps below ${quantile(gaps, 0.99).toFixed(1)} ms; ` +
  `script median ${median(scripts).toFixed(2)} ms, 99 % ${quantile(scripts, 0.99).toFixed(2)} ms; ${streams} streams drawn at most`]);
const sizes = [await memory()];
await setSpeed(7);
for (const minute of [1, 2, 4, 6, 8, 10]) {
  while (await virtual() < minute * 60) await sale.waitForTimeout(200);
  sizes.push(await memory());
}
rows.push(["flash sale, WebAssembly's memory after 20 s and 1, 2, 4, 6, 8, 10 virtual minutes", `${sizes.map((size) => size.toFixed(0)).join(", ")} MiB`]);

// The explorer in the worker, and natively, on the same instance.
const searched = await site.open("consensus/raft-election/");
await searched.getByRole("button", { name: "Break it: At most one leader per term" }).click();
await searched.getByRole("button", { name: "Search every schedule" }).click();
await searched.locator(".verdict-words").waitFor({ timeout: 120000 });
const tallies = await searched.locator(".tallies dd").allTextContents();
const inWorker = Number(tallies[1].replaceAll(",", ""));
const native = spawnSync("cargo", ["run", "--quiet", "--release", "--", "explore", "consensus/raft-election", "--promise", "one-leader-per-term", "--max-states", "1000000", "--json"], { cwd: root });
const report = JSON.parse(native.stdout.toString());
const natively = report.states / report.seconds;
rows.push(["explorer on Raft, in the worker and natively", `${(inWorker / 1e6).toFixed(2)} M and ${(natively / 1e6).toFixed(2)} M states/s`]);

const cold = await site.browser.newContext({ viewport: { width: 1440, height: 900 } });
const slow = await cold.newPage();
const client = await cold.newCDPSession(slow);
await client.send("Network.enable");
await client.send("Network.emulateNetworkConditions", { offline: false, latency: 150, downloadThroughput: 200000, uploadThroughput: 90000 });
await slow.goto(`${site.address}consensus/raft-election/`, { waitUntil: "commit" });
const painted = await slow.evaluate(() => new Promise((done) => new PerformanceObserver((list) => done(list.getEntries()[0].startTime)).observe({ type: "paint", buffered: true })));
await slow.waitForSelector("#stage[data-fingerprint]", { timeout: 60000 });
const ready = await slow.evaluate(() => performance.now());
rows.push(["cold load at 1.6 Mbit/s and 150 ms", `first paint ${painted.toFixed(0)} ms, app ready ${ready.toFixed(0)} ms`]);
await site.close();
for (const [what, figure] of rows) console.log(`| ${what} | ${figure} |`);
