// The stage keeps its place: what opens beside it neither moves nor covers it. What is in sight together, every scenario's
// visit looks at (scenarios.test.mjs).

import { drawn, ensure, press, resize } from "./harness.mjs";

const tests = {};

tests["what opens and closes does not move the stage"] = async (site) => {
  const page = await site.open("consensus/raft-election/", { width: 1280, height: 720 });
  const place = () => page.$eval("#stage", (stage) => JSON.stringify(stage.getBoundingClientRect()));
  const before = await place();
  const names = ["Break it", "What if", "Rules & load", "Inspect", "Why", "Timeline", "History", "Charts", "As text", "As text"];
  for (const name of names) {
    await page.getByRole("tab", { name, exact: true }).click();
    await page.evaluate(() => scrollTo(0, 0));
    ensure(await place() === before, `${name} moves the stage`);
  }
};

tests["the menu opens beside its node, and never over it"] = async (site) => {
  const page = await site.open("consensus/raft-election/", { width: 1280, height: 720 });
  for (const width of [1280, 820]) {
    await resize(page, width, width === 820 ? 1180 : 720);
    for (let id = 0; id < 5; id += 1) {
      await page.locator(`[data-node="${id}"]`).click();
      await drawn(page);
      const over = await page.evaluate((node) => {
        const [menu, chosen] = [".acts", `#stage [data-node="${node}"] .shape`].map((what) => document.querySelector(what).getBoundingClientRect());
        return menu.left < chosen.right && menu.right > chosen.left && menu.top < chosen.bottom && menu.bottom > chosen.top;
      }, id);
      ensure(!over, `the menu covers node ${id}, ${width} px`);
      await press(page, "Close");
    }
  }
};

tests["the system is cut in two on the stage"] = async (site) => {
  const page = await site.open("consensus/raft-election/", { width: 1280, height: 720 });
  await press(page, "Cut in two");
  for (const id of [0, 1]) await page.locator(`[data-node="${id}"]`).click();
  ensure((await page.locator(".cut-strip p").textContent()).includes("A, B"), "the two sides are not said");
  await press(page, "Cut");
  ensure(await page.locator(".link.is-cut").count() === 6, "six links are not cut");
  ensure(await page.locator(".cut-strip").count() === 0, "the tool stays open");
};

export default tests;
