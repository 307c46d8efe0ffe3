// Screenshots to look at: `node tests/browser/shots.mjs PATH FOLDER [--press NAME:TIMES]... [--size 1440x900] [--full]`.
// Without --size, three sizes in two themes.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { openSite, press } from "./harness.mjs";

const [path = "", folder = "shots", ...options] = process.argv.slice(2);
const presses = options.flatMap((word, at) => (word === "--press" ? [options[at + 1]] : []));
const tab = options.flatMap((word, at) => (word === "--tab" ? [options[at + 1]] : []))[0];
const only = options.flatMap((word, at) => (word === "--size" ? [options[at + 1]] : []));
const sizes = only.length ? only : ["1440x900", "820x1180", "390x844"];
const themes = only.length ? [false] : [false, true];
await mkdir(folder, { recursive: true });
const site = await openSite();
for (const size of sizes) {
  const [width, height] = size.split("x").map(Number);
  for (const dark of themes) {
    const page = await site.open(path, { width, height, dark });
    for (const word of presses) {
      const [name, times] = word.split(":");
      await press(page, name, Number(times ?? 1));
    }
    if (tab) await page.getByRole("tab", { name: tab }).click();
    await page.waitForTimeout(400);
    const name = `${path.replaceAll("/", "_") || "home"}-${size}-${dark ? "dark" : "light"}.png`;
    await page.screenshot({ path: join(folder, name), fullPage: options.includes("--full") });
  }
}
console.log(site.takeTroubles().join("\n"));
await site.close();
