// The stage keeps its place: what opens beside it neither moves nor covers it. What is in sight together, every scenario's
// visit looks at (scenarios.test.mjs).

import { drawn, ensure, press, resize } from "./harness.mjs";

const tests = {};

tests["what opens and closes does not move the stage"] = async (site) => {
  const page = await site.open("consensus/raft-election/", { width: 1280, height: 720 });
  const place = () => page.$eval("#stage", (stage) => JSON.stringify(stage.getBoundingClientRect()));
  const before = await place();
  for (const name of ["Break it", "What if", "Rules & load", "Inspect", "Why"]) {
    await page.getByRole("tab", { name, exact: true }).click();
    ensure(await place() === before, `${name} moves the stage`);
  }
};

tests["what opens below the stage is in sight together with it, and moves neither its upper edge nor what is beside it"] = async (site) => {
  for (const [path, width, height] of [["consensus/raft-election/", 1280, 720], ["resilience/load-balancing/", 1440, 900]]) {
    const page = await site.open(path, { width, height });
    const places = () => page.evaluate(() => {
      const box = (what) => {
        const { x, y, width, height, bottom } = document.querySelector(what).getBoundingClientRect();
        return { x, y, width, height: Math.round(height), bottom: Math.round(bottom) };
      };
      const [stage, dock] = [box("#stage"), box(".dock-body")];
      const beside = [".tour", ".panels", ".tour .primary"].map(box);
      return { fixed: JSON.stringify([stage.x, stage.y, stage.width, beside]), stage, dock, window: innerHeight };
    });
    // A scenario of load begins with its charts open where they have room.
    await page.locator(".dock-bar [role=tab][aria-selected=true]").click({ timeout: 500 }).catch(() => {});
    const { fixed, stage } = await places();
    for (const name of ["Timeline", "History", "Charts", "As text"]) {
      await page.getByRole("tab", { name, exact: true }).click();
      const now = await places();
      ensure(now.fixed === fixed, `${name} moves what is beside it, ${width} px`);
      ensure(now.stage.height > 200 && now.dock.height > 150, `${name}: stage ${now.stage.height} px, dock ${now.dock.height} px`);
      ensure(now.dock.bottom <= now.window, `${name} ends below the window, ${width} px`);
    }
    await page.getByRole("tab", { name: "As text", exact: true }).click();
    ensure((await places()).stage.height === stage.height, "the stage does not take its room again");
    await page.close();
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
