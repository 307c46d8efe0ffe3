// What every page has to stand: axe in both themes, and four widths.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { drawn, ensure, resize } from "./harness.mjs";

const axeSource = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What axe knows of colours. */
const COLOURS = ["color-contrast", "link-in-text-block"];

/** Has axe look at a page as it stands; at everything, or by some rules. */
export async function auditHere(page, where, rules) {
  if (!await page.evaluate(() => window.axe !== undefined)) await page.evaluate(axeSource);
  const options = { resultTypes: ["violations"], ...(rules && { runOnly: { type: "rule", values: rules } }) };
  const found = await page.evaluate((wanted) => window.axe.run(document, wanted), options);
  const words = found.violations.map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => `${n.target} ${n.any[0]?.message ?? ""}`).join(" | ")}`);
  ensure(words.length === 0, `${where}: ${words.join("\n")}`);
}

/** The same in either theme, which differ in nothing but colours; the page is light before and after. */
export async function audit(page) {
  for (const [colorScheme, rules] of [["light"], ["dark", COLOURS]]) {
    await page.emulateMedia({ colorScheme });
    await page.waitForTimeout(250);
    await auditHere(page, colorScheme, rules);
  }
  await page.emulateMedia({ colorScheme: "light" });
}

/** Holds a page to four widths. */
export async function fits(page) {
  for (const width of [320, 390, 820, 1440]) {
    await resize(page, width, 844);
    await drawn(page);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    ensure(over <= 0, `${width} px: the page is ${over} px too wide`);
  }
  await resize(page);
}
