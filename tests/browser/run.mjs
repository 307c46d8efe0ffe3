// Runs every *.test.mjs beside it, or those with the given word in their name; of these all tests, or those with a second
// word in their title. Three pages at a time in one browser, which keeps two cores busy. A test that fails leaves a picture
// of its page in target/browser. Ends with `N passed, N failed`.

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { Site, launch, root, serve } from "./harness.mjs";

const LANES = 3;
/** WebAssembly is compiled by the quick compiler alone: each page begins with a whole program, and hardly runs it hot. */
const QUICK = "--js-flags=--liftoff-only";
/** No test takes longer, in milliseconds. */
const LONGEST = 120_000;

const [fileWord = "", titleWord = ""] = process.argv.slice(2);
const here = new URL(".", import.meta.url);
const files = (await readdir(here)).filter((name) => name.endsWith(".test.mjs") && name.includes(fileWord)).sort();

/** What a lane takes at once: a page and the tests that look at it in turn, or one test that opens its own. */
const waiting = [];
for (const file of files) {
  const { default: tests = {}, visits = [] } = await import(new URL(file, here));
  const wanted = (all) => Object.entries(all).filter(([title]) => title.includes(titleWord));
  const all = visits.map(({ path, tests }) => ({ path, tests: Object.entries(tests).map(([title, test]) => [`/${path}: ${title}`, test]) }));
  const chosen = all.filter(({ tests }) => tests.some(([title]) => title.includes(titleWord)));
  waiting.push(...chosen.map((visit) => ({ ...visit, file })), ...wanted(tests).map((test) => ({ tests: [test], file })));
}

let passed = 0;
let failed = 0;

const tooLong = (timer) => new Promise((_, reject) => {
  timer.id = setTimeout(() => reject(new Error(`it has not ended after ${LONGEST / 1000} s`)), LONGEST);
});

async function timed(work) {
  const timer = {};
  try {
    await Promise.race([work(), tooLong(timer)]);
  } finally {
    clearTimeout(timer.id);
  }
}

/** Pictures of the pages that are open, and the sentence that says where they are. */
async function pictures(site, name) {
  const names = [];
  for (const [at, page] of site.pages.entries()) {
    const file = join("target", "browser", `${name.replace(/[^a-z0-9]+/gi, "-").slice(0, 80)}-${at}.png`);
    // A page that has crashed has no picture.
    const taken = await page.screenshot({ path: join(root, file), timeout: 5_000 }).catch(() => undefined);
    if (taken) names.push(file);
  }
  return names.length ? `\nSee ${names.join(", ")}` : "";
}

/** Runs a test; says whether it has passed. */
async function run(site, name, work) {
  const start = performance.now();
  try {
    await timed(work);
    const troubles = site.takeTroubles();
    if (troubles.length) throw new Error(troubles.join("\n"));
    passed += 1;
    console.log(`ok      seconds: ${((performance.now() - start) / 1000).toFixed(2)} ${name}`);
    return true;
  } catch (error) {
    failed += 1;
    const words = error.message.split("\n").slice(0, 12).join("\n") + await pictures(site, name);
    console.log(`FAILED  ${name}\n        ${words.replaceAll("\n", "\n        ")}`);
    site.takeTroubles();
    return false;
  }
}

async function take(site, { path, tests, file }) {
  let page;
  for (const [title, test] of tests) {
    const work = async () => {
      if (path !== undefined) page ??= await site.open(path);
      await (page ? test(page, site) : test(site));
    };
    if (!await run(site, `${file}: ${title}`, work)) {
      page = undefined;
      await site.renew();
    }
  }
  await site.clear();
}

const [server, browser] = await Promise.all([serve(), launch(QUICK)]);

async function lane() {
  const site = await Site.on(browser, server.address);
  for (let next = waiting.shift(); next; next = waiting.shift()) await take(site, next);
}

await Promise.all(Array.from({ length: LANES }, lane));
await browser.close();
console.log(`\n${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
