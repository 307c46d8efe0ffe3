// The front door: the recorded run on the home page, the search in every page's header, the page of all rules. None of
// it needs WebAssembly.

import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { brotliCompressSync } from "node:zlib";
import { audit, fits } from "./audit.mjs";
import { dist, ensure } from "./harness.mjs";

const tests = {};

const front = (site, path, options = {}) => site.open(path, { ...options, wait: false });

const state = (page) => page.locator(".live").getAttribute("data-state");
const crash = (page) => page.locator(".live-crash");
const ready = (page) => page.waitForSelector(".live-crash[aria-disabled=false]");
const crowned = (page) => page.locator(".live-nodes .node:has(.crown)").count();

tests["a leader is elected; it crashes, another follows; that crashes, and a promise breaks"] = async (site) => {
  const page = await front(site, "");
  await ready(page);
  ensure(await crowned(page) === 1, "nobody leads");
  await crash(page).click();
  await page.waitForSelector(".live-nodes .node.is-down");
  await page.waitForFunction(() => document.querySelector(".live-crash").textContent === "Crash this one too");
  await ready(page);
  ensure(await crowned(page) === 1, "nobody follows the first leader");
  ensure(await page.locator(".live-breach").isHidden(), "it is broken too early");
  await crash(page).click();
  await page.waitForSelector(".live[data-state=broken]");
  ensure((await page.locator(".live-breach").textContent()).includes("both won the election of term 2"), "the breach is not told");
  ensure(await page.locator(".live-nodes .is-clashing .clash").count() === 2, "the witnesses are not ringed");
  const why = await page.getByRole("link", { name: "See why" }).getAttribute("href");
  ensure(/^\.\/consensus\/raft-election\/\?run=[\w-]+&story=vote-on-disk$/.test(why), why);
  await page.getByRole("button", { name: "Play it again" }).click();
  ensure(await page.locator(".live-breach").isHidden() && await crash(page).isVisible(), "it does not begin again");
  ensure((await page.locator(".live-promise").textContent()).includes("holds so far"), "it begins with a broken promise");
};

tests["messages are seen on their way, and nothing moves while it is paused or out of sight"] = async (site) => {
  const page = await front(site, "");
  await page.waitForSelector(".live-flights .flight");
  await page.getByRole("button", { name: "Pause" }).click();
  const places = () => page.locator(".live-flights > *").evaluateAll((all) => all.map((one) => one.getAttribute("transform")).join());
  const before = await places();
  ensure(before.length > 0, "no message is on its way");
  await page.waitForTimeout(400);
  ensure(await places() === before, "messages move while it is paused");
  await page.getByRole("button", { name: "Play" }).click();
  await page.waitForTimeout(400);
  ensure(await places() !== before, "it does not go on");
  await page.evaluate(() => scrollTo(0, 3000));
  await page.waitForTimeout(300);
  const away = await places();
  await page.waitForTimeout(500);
  ensure(await places() === away, "it goes on out of sight");
};

tests["the story can be told by keyboard alone"] = async (site) => {
  const page = await front(site, "");
  await ready(page);
  await crash(page).focus();
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelector(".live-crash").textContent === "Crash this one too");
  await ready(page);
  await page.keyboard.press("Space");
  await page.waitForSelector(".live[data-state=broken]");
  ensure(await page.evaluate(() => document.activeElement.textContent) === "See why", "the focus is lost");
};

tests["without motion it goes step by step"] = async (site) => {
  const page = await front(site, "", { reducedMotion: true });
  await ready(page);
  const words = async () => page.locator(".live-say").textContent();
  const before = await words();
  await page.waitForTimeout(600);
  ensure(await words() === before, "it goes on by itself");
  const told = new Set();
  for (let step = 0; step < 30 && await state(page) !== "broken"; step += 1) {
    const next = page.getByRole("button", { name: "Next step" });
    if (await next.isVisible()) await next.click();
    else await crash(page).click();
    told.add(await words());
  }
  ensure(await state(page) === "broken", "the end is not reached");
  ensure(told.size >= 7, `only these were told: ${[...told].join(" | ")}`);
  ensure(await page.locator(".live-flights .flight").count() > 0, "no message is to be seen");
};

tests["without a script there is the election, and a way on"] = async () => {
  const html = await readFile(join(dist, "index.html"), "utf8");
  const stage = html.split('class="live"')[1].split("</section>")[0];
  ensure(stage.split("<g class=\"node").length === 6 && stage.includes('class="flight'), "no picture");
  ensure(html.includes('class="live-open" href="./consensus/raft-election/"'), "no link");
};

tests["home is small, and loads no more than it says"] = async () => {
  const size = async (name) => brotliCompressSync(await readFile(join(dist, name))).length;
  const names = (await readdir(dist)).filter((name) => /^(home|search|recording)-[0-9a-f]{16}\.js(on)?$/.test(name));
  const [scripts, data] = [names.filter((name) => name.endsWith(".js")), names.filter((name) => name.endsWith(".json"))];
  ensure(scripts.length === 2 && data.length === 2, names.join());
  const raw = await Promise.all(scripts.map(async (name) => (await readFile(join(dist, name))).length));
  ensure(raw[0] + raw[1] < 30_000, `${raw} bytes of script`);
  ensure(await size("index.html") < 60_000, "the page is too large");
  for (const name of data) ensure(await size(name) < 40_000, `${name} is too large`);
};

tests["no WebAssembly is loaded, and no app"] = async (site) => {
  for (const path of ["", "consensus/", "rules/"]) {
    const page = await front(site, path);
    await page.waitForLoadState("networkidle");
    const loaded = await page.evaluate(() => performance.getEntriesByType("resource").map((one) => one.name));
    ensure(!loaded.some((name) => name.endsWith(".wasm")), `/${path} loads ${loaded.join()}`);
  }
};

tests["search by keyboard: from anywhere, to a rule, a term and a scenario"] = async (site) => {
  const page = await front(site, "caching/");
  await page.keyboard.press("/");
  const box = page.getByRole("combobox", { name: /^Search/ });
  ensure(await box.evaluate((input) => input === document.activeElement), "the box has no focus");
  await page.keyboard.type("votes");
  await page.keyboard.press("Escape");
  ensure(await box.inputValue() === "", "Escape does not empty the box");
  await page.keyboard.type("raft elect");
  await page.waitForSelector('[role=option][aria-selected="true"]');
  ensure((await page.locator("[role=option]").first().textContent()).startsWith("Raft: electing a leader"), "the scenario is not first");
  await page.keyboard.press("ArrowDown");
  const chosen = () => page.locator('[role=option][aria-selected="true"]');
  ensure(await chosen().getAttribute("id") === await box.getAttribute("aria-activedescendant"), "the choice is not told");
  await page.keyboard.press("ArrowUp");
  await box.fill("zzxy");
  await page.waitForSelector(".found-none:not([hidden])");
  ensure((await page.locator(".found-none").textContent()).includes("zzxy"), "no word that nothing was found");
  await box.fill("vote is on disk");
  await page.waitForSelector("[role=option]");
  await page.keyboard.press("Enter");
  await page.waitForURL(/rules\/#consensus-raft-election-vote-on-disk$/);
  ensure(await page.locator(".rule-entry:target").count() === 1, "the rule has no place");
};

tests["what is typed elsewhere is not taken for a search"] = async (site) => {
  const page = await front(site, "rules/");
  await page.getByLabel("Filter by a word").fill("a");
  await page.keyboard.press("/");
  ensure(await page.getByLabel("Filter by a word").inputValue() === "a/", "the key was taken");
};

tests["the rules can be filtered, and a link to one of them brings it back"] = async (site) => {
  const page = await front(site, "rules/");
  const shown = () => page.locator(".rule-entry:visible").count();
  const all = await shown();
  await page.getByLabel("Filter by a word").fill("kafka acks");
  const few = await shown();
  ensure(few > 0 && few < all / 4, `${few} of ${all}`);
  await page.getByLabel("Filter by a word").fill("no such word");
  ensure((await page.locator("output").textContent()).startsWith("No rule"), "no word that nothing is left");
  await page.evaluate(() => { location.hash = "consensus-raft-election-vote-on-disk"; });
  await page.waitForFunction(() => !document.querySelector(":target").hidden);
  ensure(await shown() === all, "the filter stays");
};

tests["an unknown address finds the way to the guides"] = async (site) => {
  const page = await site.open("consensus/no-such-page/at/all/", { missing: true, wait: false });
  const link = page.getByRole("link", { name: "All rules" });
  await link.click();
  await page.waitForSelector(".all-rules");
};

for (const path of ["", "consensus/", "caching/", "rules/"]) {
  tests[`/${path}: no accessibility violation in either theme`] = async (site) => {
    const page = await front(site, path, { reducedMotion: true });
    if (path === "") await ready(page);
    await audit(page);
    await page.keyboard.press("/");
    await page.keyboard.type("leader");
    await page.waitForSelector("[role=option]");
    await audit(page);
  };
  tests[`/${path}: fits 320, 390, 820 and 1440 px`] = async (site) => fits(await front(site, path));
}

for (const [width, height] of [[1280, 720], [390, 844]]) {
  tests[`the stage and its button are within the first screen of ${width} x ${height}`] = async (site) => {
    const page = await front(site, "", { width, height });
    await ready(page);
    const box = await crash(page).boundingBox();
    ensure(box.y + box.height <= height, `the button ends at ${box.y + box.height}`);
  };
}

export default tests;
