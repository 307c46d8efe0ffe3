// Runs every *.test.mjs beside it, or those with the given word in their name; of these all tests, or those with a second
// word in their title. Ends with `N passed, N failed`.

import { readdir } from "node:fs/promises";
import { openSite } from "./harness.mjs";

const here = new URL(".", import.meta.url);
const files = (await readdir(here)).filter((name) => name.endsWith(".test.mjs") && name.includes(process.argv[2] ?? "")).sort();
let passed = 0;
let failed = 0;
const site = await openSite();
for (const file of files) {
  const { default: tests } = await import(new URL(file, here));
  for (const [title, test] of Object.entries(typeof tests === "function" ? await tests() : tests)) {
    if (!title.includes(process.argv[3] ?? "")) continue;
    const start = performance.now();
    try {
      await test(site);
      const troubles = site.takeTroubles();
      if (troubles.length) throw new Error(troubles.join("\n"));
      passed += 1;
      console.log(`ok      ${file}: ${title} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
    } catch (error) {
      site.takeTroubles();
      failed += 1;
      console.log(`FAILED  ${file}: ${title}\n        ${error.message.split("\n").slice(0, 12).join("\n        ")}`);
    }
    for (const context of site.browser.contexts()) await context.close();
  }
}
await site.close();
console.log(`\n${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
