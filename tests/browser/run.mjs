// Runs every *.test.mjs beside it, or those with the given word in their name; of these all tests, or those with a second
// word in their title. Two at a time, each lane with a server and a browser of its own. Ends with `N passed, N failed`.

import { readdir } from "node:fs/promises";
import { openSite } from "./harness.mjs";

const LANES = 2;

const [fileWord = "", titleWord = ""] = process.argv.slice(2);
const here = new URL(".", import.meta.url);
const files = (await readdir(here)).filter((name) => name.endsWith(".test.mjs") && name.includes(fileWord)).sort();
const waiting = [];
for (const file of files) {
  const { default: tests } = await import(new URL(file, here));
  const all = Object.entries(typeof tests === "function" ? await tests() : tests);
  waiting.push(...all.filter(([title]) => title.includes(titleWord)).map(([title, test]) => ({ name: `${file}: ${title}`, test })));
}

let passed = 0;
let failed = 0;

async function run(site, { name, test }) {
  const start = performance.now();
  try {
    await test(site);
    const troubles = site.takeTroubles();
    if (troubles.length) throw new Error(troubles.join("\n"));
    passed += 1;
    console.log(`ok      ${name} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
  } catch (error) {
    site.takeTroubles();
    failed += 1;
    console.log(`FAILED  ${name}\n        ${error.message.split("\n").slice(0, 12).join("\n        ")}`);
  }
  for (const context of site.browser.contexts()) await context.close();
}

async function lane() {
  const site = await openSite();
  for (let next = waiting.shift(); next; next = waiting.shift()) await run(site, next);
  await site.close();
}

await Promise.all(Array.from({ length: LANES }, lane));
console.log(`\n${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
