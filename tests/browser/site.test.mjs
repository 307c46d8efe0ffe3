// The site as a whole: addresses, bad input, accessibility, sizes, still pages.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { brotliCompressSync } from "node:zlib";
import { createRequire } from "node:module";
import { dist, ensure, openSite, press, scenarios, stage } from "./harness.mjs";

const axeSource = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const all = await scenarios();
const guides = [...new Set(all.map((path) => path.split("/")[0]))];
const tests = {};

async function audit(page, where) {
  await page.evaluate(axeSource);
  const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  const words = found.violations.map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => `${n.target} ${n.any[0]?.message ?? ""}`).join(" | ")}`);
  ensure(words.length === 0, `${where}: ${words.join("\n")}`);
}

for (const path of ["", `${guides[0]}/`, ...all.map((path) => `${path}/`)]) {
  tests[`/${path}: no accessibility violation in either theme`] = async (site) => {
    for (const dark of [false, true]) {
      const page = await site.open(path, { dark });
      if (await page.locator("#stage").count()) await press(page, "Step", 12);
      await page.waitForTimeout(250);
      await audit(page, dark ? "dark" : "light");
    }
  };

  tests[`/${path}: fits 320, 390, 820 and 1440 px`] = async (site) => {
    for (const width of [320, 390, 820, 1440]) {
      const page = await site.open(path, { width, height: 844 });
      const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      ensure(over <= 0, `${width} px: the page is ${over} px too wide`);
      await page.context().close();
    }
  };

  tests[`/${path}: reads without JavaScript`] = async (site) => {
    const page = await site.open(path, { javaScriptEnabled: false });
    ensure((await page.locator("h1").textContent()).length > 3, "no heading");
    if (path.split("/").length === 3) {
      ensure(await page.locator("#stage svg [data-node]").count() >= 4, "no picture");
      ensure((await page.locator("#prose").textContent()).length > 1000, "no prose");
    }
  };
}

const raft = "consensus/raft-election/";

async function noticed(site, query, word) {
  const page = await site.open(`${raft}?run=${query}`);
  const notice = await page.locator(".notice-bar").textContent();
  ensure(notice.includes(word), `the page says '${notice}'`);
  ensure((await stage(page)).step === 0, "the page does not stand at the start");
}

tests["a mangled link gets a clear sentence"] = (site) => noticed(site, "AQdamaged", "damaged");
tests["a link from a later version gets a clear sentence"] = (site) => noticed(site, "CQAAAAAA", "later Faultline");
tests["an empty link gets a clear sentence"] = (site) => noticed(site, "", "damaged");

tests["corrupt local storage gets a clear sentence and loses nothing else"] = async (site) => {
  const page = await site.open("", { storage: { "faultline.progress": "{nonsense", "faultline.theme": "dark" } });
  ensure((await page.locator(".notice").textContent()).includes("could not be read"), "no sentence");
  ensure(await page.evaluate(() => localStorage.getItem("faultline.progress.damaged")) === "{nonsense", "what was there is lost");
};

async function importing(site, name, buffer) {
  const page = await site.open(raft);
  await press(page, "Step", 8);
  const before = await stage(page);
  await page.locator("input[type=file]").setInputFiles({ name, mimeType: "application/json", buffer });
  await page.waitForFunction(() => document.querySelector(".notice-bar").textContent.length > 5);
  ensure((await stage(page)).fingerprint === before.fingerprint, "the run the reader had is lost");
  return page.locator(".notice-bar").textContent();
}

tests["an import of 5 MB gets a clear sentence"] = async (site) => {
  const sentence = await importing(site, "large.json", Buffer.alloc(5 << 20, "a"));
  ensure(sentence.includes("too large"), sentence);
};

tests["an import of something else gets a clear sentence"] = async (site) => {
  const sentence = await importing(site, "other.json", Buffer.from('{"hello": 1}'));
  ensure(sentence.includes("no run"), sentence);
};

tests["an export can be imported again"] = async (site) => {
  const page = await site.open(raft);
  await press(page, "Step", 17);
  const here = await stage(page);
  const [download] = await Promise.all([page.waitForEvent("download"), press(page, "Export")]);
  const buffer = await readFile(await download.path());
  const other = await site.open(raft);
  await other.locator("input[type=file]").setInputFiles({ name: "run.json", mimeType: "application/json", buffer });
  await other.waitForFunction((step) => Number(document.querySelector("#stage").dataset.step) === step, here.step);
  ensure((await stage(other)).fingerprint === here.fingerprint, "the imported run differs");
};

tests["links, back and forward change the page"] = async (site) => {
  const page = await site.open("");
  await page.locator(`a[href$="${raft}"]`).first().click();
  await page.waitForSelector("#stage[data-fingerprint]");
  ensure((await page.locator("#prose").textContent()).length > 0 || await page.waitForSelector("#prose h2"), "no prose");
  await page.waitForSelector("#prose h2");
  await page.goBack();
  await page.waitForSelector(".home");
  await page.goForward();
  await page.waitForSelector("#stage[data-fingerprint]");
  ensure((await page.title()).startsWith("Raft"), "the title does not follow");
};

tests["a link into another guide loads that guide's app, and back leads back"] = async (site) => {
  const page = await site.open("");
  const modules = () => page.evaluate(() => document.querySelector("link[rel=preload][as=fetch]").href);
  const first = await modules();
  await page.locator('a[href$="caching/cache-aside/"]').first().click();
  await page.waitForSelector("#stage[data-fingerprint]");
  ensure((await modules()) !== first, "it is the same app");
  await page.locator("header nav a").first().click();
  await page.waitForSelector(".page.guide .level a");
  ensure((await modules()) !== first, "a guide's page needs no other app");
  await page.locator(".level a").first().click();
  await page.waitForSelector("#stage[data-fingerprint]");
  ensure((await modules()) === first, "the guide's own app was not loaded");
  await page.goBack();
  await page.waitForSelector(".page.guide .level a");
};

tests["a typed key is routed by a typed binding, travels in a link, and spaces are refused"] = async (site) => {
  const page = await site.open("messaging/topic-routing/");
  await page.getByRole("tab", { name: "Rules & load" }).click();
  const type = async (command, text) => {
    await page.locator(`[data-command=${command}] .typed`).fill(text);
    await page.locator(`[data-command=${command}] button`).click();
  };
  const picture = () => page.locator("#stage").textContent();
  await type("bind", "#.high");
  await type("route", "a.b.high");
  for (let steps = 0; steps < 12 && !(await picture()).includes("message 1:"); steps += 1) await press(page, "Step");
  ensure((await picture()).includes("message 1: 2 queues"), "the europe desk and the audit desk do not get it");
  const { fingerprint, step } = await stage(page);
  await type("route", "two words");
  ensure((await stage(page)).fingerprint === fingerprint, "a key with a space was published");
  await press(page, "Copy link");
  await page.waitForFunction(() => location.search.startsWith("?run="));
  const fresh = await site.open(`messaging/topic-routing/${new URL(page.url()).search}`);
  const there = await stage(fresh);
  ensure(there.step === step && there.fingerprint === fingerprint, "the link leads elsewhere");
};

tests["home says what was visited, and offers to continue"] = async (site) => {
  const page = await site.open(raft);
  await page.locator("header .brand").click();
  await page.waitForSelector(".home .continue");
  ensure((await page.locator(".home .continue").textContent()).startsWith("Continue: Raft"), "it continues elsewhere");
  ensure(await page.locator(".guide-card li.visited").count() === 1, "not one is marked as visited");
  await page.locator(".home .continue").click();
  await page.waitForSelector("#stage[data-fingerprint]");
};

tests["no guide's wasm grows beyond 600 KB, nor its script beyond 20 KB, compressed"] = async () => {
  for (const guide of guides) {
    const [html, folder] = [await readFile(join(dist, guide, "index.html"), "utf8"), join(dist, guide)];
    for (const [what, most] of [[/href="([^"]+_bg\.wasm)"/, 600e3], [/modulepreload" href="([^"]+\.js)"/, 20e3]]) {
      const size = brotliCompressSync(await readFile(join(folder, html.match(what)[1]))).length;
      ensure(size <= most, `${guide}: ${size} bytes`);
    }
  }
};

tests["an unknown address says so"] = async (site) => {
  const page = await site.open("nothing/here/", { wait: false, missing: true });
  ensure((await page.locator("h1").first().textContent()).includes("no such page"), "it does not say so");
};

tests["the site works under a sub-path"] = async () => {
  const site = await openSite("/some/where/");
  const page = await site.open(raft);
  ensure((await stage(page)).step === 0, "no stage");
  await page.locator("header .brand").click();
  await page.waitForSelector(".home");
  const troubles = site.takeTroubles();
  await site.close();
  ensure(troubles.length === 0, troubles.join("\n"));
};

tests["every panel and a comparison have no accessibility violation and fit a phone"] = async (site) => {
  for (const [dark, width] of [[false, 1440], [true, 390]]) {
    const page = await site.open("storage/leaderless-quorum/", { dark, width });
    await press(page, "Step", 30);
    await page.locator('[data-node="2"]').first().click();
    await page.getByRole("button", { name: "Crash", exact: true }).click();
    await press(page, "Step", 20);
    for (const name of ["Break it", "What if", "Rules & load", "Inspect", "Timeline", "Charts", "History"]) {
      await page.getByRole("tab", { name, exact: true }).click();
      await page.waitForTimeout(200);
      await audit(page, `${name}, ${width} px`);
    }
    await page.getByRole("tab", { name: "What if" }).click();
    await page.getByRole("button", { name: "without it" }).first().click();
    await page.waitForSelector("#stage-beside[data-fingerprint]");
    await audit(page, `a comparison, ${width} px`);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    ensure(wide <= 0, `${width} px: the page is ${wide} px too wide`);
  }
};

tests["the theme is kept, and reduced motion stands still"] = async (site) => {
  const page = await site.open(raft, { reducedMotion: true });
  await page.locator(".theme select").selectOption("dark");
  await page.reload();
  await page.waitForSelector("#stage[data-fingerprint]");
  ensure(await page.evaluate(() => document.documentElement.dataset.theme) === "dark", "the theme is forgotten");
  await press(page, "Step", 10);
  const moves = await page.locator(".glyph-group").first().evaluate((glyph) => getComputedStyle(glyph).transitionDuration);
  ensure(moves === "0s", `messages take ${moves} to move`);
};

export default tests;
