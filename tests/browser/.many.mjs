// ad hoc contact shots: node .many.mjs OUT guide [slug...]
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { openSite, scenarios, press } from "./harness.mjs";
const [out, guide, ...slugs] = process.argv.slice(2);
await mkdir(out, { recursive: true });
const site = await openSite();
const paths = (await scenarios()).filter((p) => p.startsWith(guide + "/") && (!slugs.length || slugs.some((s) => p.includes(s))));
const sizes = ["1440x900", "820x1180", "390x844"];
for (const path of paths) {
  for (const size of sizes) for (const dark of [false, true]) {
    const [width, height] = size.split("x").map(Number);
    const name = (what) => join(out, `${path.replaceAll("/", "_")}-${what}-${size}-${dark ? "dark" : "light"}.png`);
    try {
      const page = await site.open(path, { width, height, dark });
      for (let i = 0; i < 4; i++) {
        const button = page.locator(".tour button.primary").first();
        if (await button.count() && await button.isEnabled()) await button.click({ timeout: 3000 }).catch(() => {});
        await page.waitForTimeout(150);
      }
      await page.evaluate(() => scrollTo(0, 0));
      await page.waitForTimeout(250);
      await page.screenshot({ path: name("mid") });
      const link = await page.locator(".without a").first().getAttribute("href").catch(() => null);
      if (link) {
        const url = new URL(link, page.url());
        const broken = await site.open(url.pathname.slice(1) + url.search + url.hash, { width, height, dark });
        await broken.waitForTimeout(400);
        await broken.evaluate(() => scrollTo(0, 0));
        await broken.screenshot({ path: name("broken") });
        await broken.context().close();
      }
      await page.context().close();
    } catch (e) { console.log(path, size, dark, String(e).split("\n")[0]); }
  }
  console.log(path, site.takeTroubles().join("; "));
}
await site.close();
