import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { openSite, press } from "./harness.mjs";
const folder = process.argv[2]; const jobs = process.argv.slice(3);
await mkdir(folder, { recursive: true });
const site = await openSite();
for (const job of jobs) {
  const [path, size, theme, beats] = job.split(",");
  const [width, height] = size.split("x").map(Number);
  const page = await site.open(path, { width, height, dark: theme === "dark" });
  for (let i = 0; i < Number(beats ?? 0); i++) { await press(page, "Next beat", 1).catch(() => {}); await page.waitForTimeout(150); }
  await page.waitForTimeout(300);
  await page.screenshot({ path: join(folder, `${path.replaceAll("/", "_")}-${size}-${theme}-${beats ?? 0}.png`) });
  await page.close().catch(() => {});
}
console.log(site.takeTroubles().join("\n"));
process.exit(0);
