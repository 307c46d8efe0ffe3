// The site as a whole: addresses, bad input, accessibility, sizes, still pages, what the server sends.

import { readFile } from "node:fs/promises";
import { get } from "node:http";
import { join } from "node:path";
import { brotliDecompressSync } from "node:zlib";
import { audit, auditHere, fits } from "./audit.mjs";
import { Site, dist, ensure, press, scenarios, serve, stage, started } from "./harness.mjs";

const all = await scenarios();
const guides = [...new Set(all.map((path) => path.split("/")[0]))];
const tests = {};

/** The pages that are lists; scenarios.test.mjs does the same with every scenario's. */
const lists = ["", `${guides[0]}/`];
export const visits = lists.map((path) => ({
  path,
  tests: { "no accessibility violation in either theme": audit, "fits 320, 390, 820 and 1440 px": fits },
}));

/** Markup as a reader sees it, and what stands between two marks. */
const text = (html) => html.replace(/<[^>]*>/g, "");
const inside = (html, start, end) => html.split(start)[1]?.split(end)[0] ?? "";

for (const path of [...lists, ...all.map((path) => `${path}/`)]) {
  tests[`/${path}: reads without JavaScript`] = async () => {
    const html = await readFile(join(dist, path, "index.html"), "utf8");
    ensure(text(inside(html, "<h1>", "</h1>")).length > 3, "no heading");
    if (path.split("/").length === 3) {
      const picture = inside(html, '<div id="stage"', '<section class="tour">');
      ensure(picture.includes("<svg") && picture.split("data-node=").length > 4, "no picture");
      ensure(text(inside(html, '<article id="prose" class="prose">', "</article>")).length > 1000, "no prose");
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
  for (const [path, place] of [["", ".notice"], [raft, ".notice-bar"]]) {
    const storage = { "faultline.progress": "{nonsense", "faultline.theme": "dark" };
    const page = await site.open(path, { storage, fresh: true });
    ensure((await page.locator(place).textContent()).includes("could not be read"), `/${path}: no sentence`);
    ensure(await page.evaluate(() => localStorage.getItem("faultline.progress.damaged")) === "{nonsense", "what was there is lost");
    ensure(await page.evaluate(() => document.documentElement.dataset.theme) === "dark", "the theme is lost");
  }
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
  ensure(sentence.includes("not a run"), sentence);
};

tests["an export can be imported again"] = async (site) => {
  const page = await site.open(raft);
  await press(page, "Step", 17);
  const here = await stage(page);
  const [download] = await Promise.all([page.waitForEvent("download"), press(page, "Export")]);
  const buffer = await readFile(await download.path());
  const other = await site.open(raft, { fresh: true });
  await other.locator("input[type=file]").setInputFiles({ name: "run.json", mimeType: "application/json", buffer });
  await other.waitForFunction((step) => Number(document.querySelector("#stage").dataset.step) === step, here.step);
  ensure((await stage(other)).fingerprint === here.fingerprint, "the imported run differs");
};

tests["links, back and forward lead from page to page"] = async (site) => {
  const page = await site.open("");
  await page.locator(`a[href$="${raft}"]`).first().click();
  await started(page);
  ensure((await page.title()).startsWith("Raft"), "the title does not follow");
  await press(page, "Step", 3);
  await page.goBack();
  await page.waitForSelector(".home");
  ensure(await page.locator(".shelf li.visited").count() === 1, "home does not know what was visited since");
  await page.goForward();
  await started(page);
  await page.locator(".neighbours a", { hasText: "Next" }).click();
  await page.waitForFunction((before) => !location.pathname.endsWith(before), raft);
  await started(page);
  ensure((await stage(page)).scenario !== raft.slice(0, -1), "the next scenario is the same");
  await page.goBack();
  await started(page);
  ensure((await stage(page)).scenario === raft.slice(0, -1), "back leads elsewhere");
};

tests["a link to another run of the same scenario opens that run, and back leads back"] = async (site) => {
  const page = await site.open(raft);
  await page.locator(".without a").first().click();
  await page.waitForSelector(".story");
  ensure(page.url().includes("?run="), page.url());
  await page.goBack();
  await page.waitForFunction(() => document.querySelector("#stage").dataset.step === "0");
  ensure(await page.locator(".story").count() === 0, "the run is still there");
};

const appOf = (page) => page.evaluate(() => document.querySelector("link[rel=preload][as=fetch]")?.href);

tests["a scenario loads its own guide's app; home and the guides' pages load none, and at most 30 KB of script"] = async (site) => {
  for (const path of lists) {
    const page = await site.open(path, { wait: false });
    await page.waitForLoadState("networkidle");
    const loaded = await page.evaluate(() => performance.getEntriesByType("resource").map(({ name, decodedBodySize }) => [name, decodedBodySize]));
    ensure(!loaded.some(([name]) => name.endsWith(".wasm")) && !await appOf(page), `/${path}: ${loaded}`);
    const inline = await page.evaluate(() => [...document.scripts].reduce((sum, script) => sum + script.text.length, 0));
    const scripts = loaded.filter(([name]) => name.endsWith(".js")).reduce((sum, [, size]) => sum + size, inline);
    ensure(scripts > 0 && scripts <= 30e3, `/${path}: ${scripts} bytes of script`);
  }
  const [one, other] = [await appOf(await site.open(raft)), await appOf(await site.open("caching/cache-aside/"))];
  ensure(one && other && one !== other, "two guides have one app");
};

/** A scenario's page whose module waits: `come` lets it come, and resolves when the app is there. */
async function held(site, options) {
  const page = await site.open("", options);
  let open;
  const gate = new Promise((opened) => (open = opened));
  await page.route("**/*.wasm", (route) => gate.then(() => route.continue()));
  await page.goto(site.address + raft, { waitUntil: "domcontentloaded" });
  const come = async () => {
    open();
    await started(page);
  };
  return { page, come };
}

tests["the app takes its place and nothing else: heading and prose, focus and selection stay"] = async (site) => {
  const { page, come } = await held(site);
  await page.evaluate(() => {
    window.before = ["header", "h1", "#prose", "#prose h2", ".neighbours"].map((what) => document.querySelector(what));
    const text = document.querySelector("#prose p").firstChild;
    getSelection().setBaseAndExtent(text, 3, text, 40);
    document.querySelector("#prose a").focus();
    window.chosen = getSelection().toString();
  });
  await come();
  ensure(await page.evaluate(() => window.before.every((element) => element.isConnected)), "an element was replaced");
  ensure(await page.evaluate(() => window.chosen.length > 30 && getSelection().toString() === window.chosen), "the selection is lost");
  ensure(await page.evaluate(() => document.activeElement === document.querySelector("#prose a")), "the focus is lost");
};

/** Where things are that the still page has too. */
const places = (page) => page.evaluate(() => {
  const what = ["h1", ".canvas", ".transport", "[aria-label=Play]", "[aria-label=Step]", "[aria-label=Seek]", ".tour .primary", ".promises", "#prose"];
  return Object.fromEntries(what.map((one) => {
    const { x, y, width, height } = document.querySelector(one).getBoundingClientRect();
    return [one, [x, y, width, height].map(Math.round).join(" ")];
  }));
});

for (const width of [1440, 1280, 820]) {
  tests[`nothing moves when the app comes, at ${width} px`] = async (site) => {
    const { page, come } = await held(site, { width, height: 800 });
    const before = await places(page);
    await come();
    await page.waitForTimeout(200);
    const after = await places(page);
    const moved = Object.keys(before).filter((what) => before[what] !== after[what] && !(width < 1000 && what === "#prose"));
    ensure(moved.length === 0, moved.map((what) => `${what}: ${before[what]}, then ${after[what]}`).join("\n"));
  };
}

tests["what a reader on a phone has scrolled to stays in sight when the app comes"] = async (site) => {
  const { page, come } = await held(site, { width: 390, height: 844 });
  const top = () => page.locator("#prose h2").nth(1).evaluate((title) => title.getBoundingClientRect().top);
  await page.locator("#prose h2").nth(1).evaluate((title) => title.scrollIntoView());
  const before = await top();
  await come();
  await page.waitForTimeout(200);
  ensure(Math.abs(await top() - before) < 2, `it was at ${before} px, and is at ${await top()} px`);
};

tests["the buttons are there from the start, and the page says when they will work"] = async (site) => {
  const { page, come } = await held(site);
  for (const name of ["Play", "Step", "Step back", "Restart", "Show me"]) {
    ensure(await page.getByRole("button", { name, exact: true }).isDisabled(), `${name} is not there, or not off`);
  }
  ensure((await page.locator(".loading").innerText()).startsWith("Loading the simulator"), "it does not say so");
  await auditHere(page, "before the app has come");
  await come();
  ensure(await page.getByRole("button", { name: "Show me", exact: true }).isEnabled(), "the button stays off");
  ensure(await page.locator(".loading").count() === 0, "it still says that it loads");
};

/** What a scenario's page says when the app cannot come; `breakIt` sees to that. */
async function without(site, what, breakIt, word) {
  const context = await site.browser.newContext();
  const page = await context.newPage();
  await breakIt(page);
  await page.goto(site.address + raft);
  await page.locator(".no-wasm").waitFor();
  const says = await page.locator(".no-wasm").innerText();
  ensure(says.includes(word), `${what}: '${says}'`);
  ensure((await page.locator("#prose").innerText()).length > 1000, `${what}: the text is gone`);
  ensure(await page.locator("#stage svg").first().isVisible(), `${what}: the picture is gone`);
  await context.close();
}

tests["without its module, without its script, or without WebAssembly the page says what is missing"] = async (site) => {
  await without(site, "no module", (page) => page.route("**/*.wasm", (route) => route.abort()), "could not be loaded");
  await without(site, "no script", (page) => page.route(/consensus-[^/]*\.js$/, (route) => route.abort()), "could not be loaded");
  await without(site, "no WebAssembly", (page) => page.addInitScript(() => delete globalThis.WebAssembly), "has no WebAssembly");
  const forbid = async (route) => {
    const response = await route.fetch();
    const headers = { ...response.headers(), "content-security-policy": "script-src 'self' 'unsafe-inline'" };
    await route.fulfill({ response, headers });
  };
  await without(site, "WebAssembly forbidden", (page) => page.route(`**/${raft}`, forbid), "may be blocked");
};

tests["without JavaScript a scenario's page says what is missing"] = async (site) => {
  const context = await site.browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(site.address + raft);
  const says = await page.locator(".loading").innerText();
  ensure(says.includes("needs JavaScript") && !says.includes("Loading"), says);
  await context.close();
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
  const fresh = await site.open(`messaging/topic-routing/${new URL(page.url()).search}`, { fresh: true });
  const there = await stage(fresh);
  ensure(there.step === step && there.fingerprint === fingerprint, "the link leads elsewhere");
};

tests["home says what was visited, and offers to continue"] = async (site) => {
  const page = await site.open(raft);
  await page.locator("header .brand").click();
  await page.waitForSelector(".home .continue");
  ensure((await page.locator(".home .continue").textContent()).startsWith("Continue: Raft"), "it continues elsewhere");
  ensure(await page.locator(".shelf li.visited").count() === 1, "not one is marked as visited");
  await page.locator(".home .continue").click();
  await started(page);
};

/** What a scenario's page loads: its module and its script. */
async function parts(path) {
  const html = await readFile(join(dist, path, "index.html"), "utf8");
  return [/href="([^"]+_bg\.wasm)"/, /modulepreload" href="([^"]+\.js)"/].map((what) => join(path, html.match(what)[1]));
}

tests["no app's wasm grows beyond 450 KB, nor its script beyond 10 KB, compressed"] = async () => {
  for (const path of all) {
    for (const [at, file] of (await parts(path)).entries()) {
      const size = (await readFile(join(dist, `${file}.br`))).length;
      ensure(size <= [450e3, 10e3][at], `${file}: ${size} bytes`);
    }
  }
};

/** What the server answers to somebody who takes these encodings. */
const ask = (address, encodings) => new Promise((done, failed) => {
  get(address, { headers: { "accept-encoding": encodings } }, async (response) => {
    done({ headers: response.headers, body: Buffer.concat(await response.toArray()) });
  }).on("error", failed);
});

tests["the server sends compressed files to those who take them, and says how long they may be kept"] = async (site) => {
  const [module] = await parts(all[0]);
  const plain = await ask(site.address + module, "identity");
  ensure(plain.headers["content-encoding"] === undefined && plain.body.equals(await readFile(join(dist, module))), "not the file itself");
  const small = await ask(site.address + module, "gzip, deflate, br");
  ensure(small.headers["content-encoding"] === "br" && brotliDecompressSync(small.body).equals(plain.body), "no brotli");
  ensure(small.headers["content-type"] === "application/wasm" && small.headers.vary === "Accept-Encoding", "a wrong header");
  ensure((await ask(site.address + module, "gzip")).headers["content-encoding"] === "gzip", "no gzip");
  ensure(small.headers["cache-control"].endsWith("immutable"), "the module is not kept for ever");
  ensure((await ask(site.address, "br")).headers["cache-control"] === "no-cache", "the page is kept");
};

tests["an unknown address says so"] = async (site) => {
  const page = await site.open("nothing/here/", { wait: false, missing: true });
  ensure((await page.locator("h1").first().textContent()).includes("no such page"), "it does not say so");
};

tests["the site works under a sub-path"] = async ({ browser }) => {
  const server = await serve("/some/where/");
  const site = await Site.on(browser, server.address);
  const page = await site.open(raft);
  ensure((await stage(page)).step === 0, "no stage");
  await page.locator("header .brand").click();
  await page.waitForSelector(".home .continue");
  const troubles = site.takeTroubles();
  await site.close();
  server.stop();
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
      await auditHere(page, `${name}, ${width} px`);
    }
    await page.getByRole("tab", { name: "What if" }).click();
    await page.getByRole("button", { name: "without it" }).first().click();
    await page.waitForSelector("#stage-beside[data-fingerprint]");
    await auditHere(page, `a comparison, ${width} px`);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    ensure(wide <= 0, `${width} px: the page is ${wide} px too wide`);
  }
};

tests["the theme is kept, and reduced motion stands still"] = async (site) => {
  const page = await site.open(raft, { reducedMotion: true });
  await page.locator(".theme select").selectOption("dark");
  await page.reload();
  await started(page);
  ensure(await page.evaluate(() => document.documentElement.dataset.theme) === "dark", "the theme is forgotten");
  await press(page, "Step", 10);
  const moves = await page.locator(".glyph-group").first().evaluate((glyph) => getComputedStyle(glyph).transitionDuration);
  ensure(moves === "0s", `messages take ${moves} to move`);
};

export default tests;
