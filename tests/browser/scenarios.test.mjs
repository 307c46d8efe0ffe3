// Every scenario, as one loop: stepping, seeking, links, faults, the tour.

import { ensure, press, scenarios, stage } from "./harness.mjs";

const tests = {};

/** Seeks by the scrubber, as a reader does. */
async function seek(page, step) {
  await page.getByLabel("Seek").evaluate((input, value) => {
    input.value = value;
    input.dispatchEvent(new Event("input", { bubbles: true }));
  }, String(step));
}

for (const path of await scenarios()) {
  tests[`${path}: 50 steps and 50 backs, and a seek, are exact`] = async (site) => {
    const page = await site.open(`${path}/`);
    const first = await stage(page);
    ensure(first.scenario === path && first.step === 0, `the stage says ${JSON.stringify(first)}`);
    await press(page, "Step", 20);
    const twentieth = await stage(page);
    await press(page, "Step", 30);
    ensure((await stage(page)).step === 50, "50 steps do not lead to event 50");
    await seek(page, 20);
    ensure((await stage(page)).fingerprint === twentieth.fingerprint, "seeking to 20 differs from stepping there");
    await seek(page, 50);
    await press(page, "Step back", 50);
    const back = await stage(page);
    ensure(back.step === 0 && back.fingerprint === first.fingerprint, "50 backs do not lead to the start");
  };

  tests[`${path}: a copied link opens the same run in a fresh browser`] = async (site) => {
    const page = await site.open(`${path}/`);
    await press(page, "Step", 12);
    await page.locator("[data-node]").last().focus();
    await page.keyboard.press("Enter");
    await press(page, "Crash");
    await press(page, "Step", 15);
    const here = await stage(page);
    await press(page, "Copy link");
    await page.waitForFunction(() => location.search.startsWith("?run="));
    const link = new URL(page.url());
    const fresh = await site.open(`${path}/${link.search}`);
    const there = await stage(fresh);
    ensure(there.step === here.step && there.fingerprint === here.fingerprint, `${JSON.stringify(here)} became ${JSON.stringify(there)}`);
  };

  tests[`${path}: a crash and a cut act, and are seen`] = async (site) => {
    const page = await site.open(`${path}/`);
    await press(page, "Step", 5);
    const before = await stage(page);
    await page.locator("[data-node]").nth(1).click();
    await press(page, "Crash");
    ensure((await stage(page)).fingerprint !== before.fingerprint, "the crash changes nothing");
    ensure(await page.locator("[data-node].is-down").count() === 1, "the crash is not seen");
    ensure((await page.locator("[data-node].is-down .state").textContent()).includes("crashed"), "the crash is not said");
    await press(page, "Close");
    const running = await stage(page);
    await page.locator("[data-link]").first().focus();
    await page.keyboard.press("Enter");
    await press(page, "Cut");
    ensure((await stage(page)).fingerprint !== running.fingerprint, "the cut changes nothing");
    ensure(await page.locator(".link.is-cut").count() >= 1, "the cut is not seen");
  };

  tests[`${path}: the tour completes`] = async (site) => {
    const page = await site.open(`${path}/`);
    const beats = Number((await page.locator(".tour .count").first().textContent()).split(" of ")[1]);
    for (let beat = 0; beat < beats; beat += 1) {
      if (await page.locator(".guess button").count()) await page.locator(".guess button").first().click();
      await press(page, "Next beat");
    }
    ensure(await page.locator("text=That was the tour").count() === 1, "the tour does not end");
    ensure((await page.locator(".notice-bar").textContent()).trim() === "", "the tour left a notice");
  };

  tests[`${path}: every rule and setting changes the run`] = async (site) => {
    const page = await site.open(`${path}/`);
    await press(page, "Step", 4);
    await page.getByRole("tab", { name: "Rules & load" }).click();
    for (const rule of await page.locator(".rule input").all()) {
      const before = (await stage(page)).fingerprint;
      await rule.click();
      ensure((await stage(page)).fingerprint !== before, "a rule changes nothing");
    }
    for (const slider of await page.locator(".setting input[type=range]").all()) {
      const before = (await stage(page)).fingerprint;
      await slider.focus();
      await page.keyboard.press("End");
      const after = (await stage(page)).fingerprint;
      await page.keyboard.press("Home");
      ensure(after !== before || (await stage(page)).fingerprint !== before, "a setting changes nothing");
    }
  };
}

tests["a promise that breaks stops the run and is explained"] = async (site) => {
  const page = await site.open("messaging/competing-consumers/");
  await page.getByRole("tab", { name: "Rules & load" }).click();
  await page.locator("[data-rule=prefetch-one] input").click();
  for (let tries = 0; tries < 400 && !(await page.locator("[data-verdict=broken]").count()); tries += 1) await press(page, "Step");
  ensure(await page.locator("[data-verdict=broken] .clash dd").count() >= 2, "the clashing values are not shown");
  ensure(await page.locator("[data-node].is-clashing").count() >= 1, "the clashing nodes are not rung");
};

tests["play runs and pause holds"] = async (site) => {
  const page = await site.open("consensus/raft-election/");
  await press(page, "Play");
  await page.waitForFunction(() => Number(document.querySelector("#stage").dataset.step) > 5);
  await press(page, "Pause");
  const held = await stage(page);
  await page.waitForTimeout(300);
  ensure((await stage(page)).step === held.step, "the run goes on while paused");
};

tests["going back and acting opens a branch, and the old future can be returned to"] = async (site) => {
  const page = await site.open("consensus/raft-election/");
  await press(page, "Step", 30);
  const old = await stage(page);
  await press(page, "Step back", 10);
  await page.locator("[data-node]").first().click();
  await press(page, "Crash");
  await press(page, "Close");
  await press(page, "Step", 10);
  ensure((await stage(page)).fingerprint !== old.fingerprint, "the branch is the same run");
  await page.getByRole("tab", { name: "Rules & load" }).click();
  await page.getByRole("button", { name: /^Future 1/ }).click();
  await seek(page, 30);
  ensure((await stage(page)).fingerprint === old.fingerprint, "the old future is not what it was");
};

tests["by keyboard alone: step, choose a node, crash it, and read why"] = async (site) => {
  const page = await site.open("consensus/raft-election/");
  for (let count = 0; count < 20; count += 1) await page.keyboard.press("ArrowRight");
  ensure((await stage(page)).step === 20, "the arrow key does not step");
  for (let tries = 0; tries < 120; tries += 1) {
    await page.keyboard.press("Tab");
    if (await page.evaluate(() => document.activeElement?.hasAttribute("data-node"))) break;
  }
  const before = (await stage(page)).fingerprint;
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.activeElement?.closest(".acts"));
  await page.keyboard.press("Enter");
  ensure((await stage(page)).fingerprint !== before, "Enter on the first act does nothing");
  ensure(await page.locator(".is-down").count() === 1, "no node is down");
  await page.keyboard.press("Escape");
  ensure(await page.evaluate(() => document.activeElement?.hasAttribute("data-node")), "the focus is lost after Escape");
  await page.keyboard.press("?");
  ensure(await page.locator("dialog[open]").count() === 1, "? does not list the keys");
};

tests["every fault of the menu changes the run"] = async (site) => {
  const page = await site.open("consensus/raft-election/");
  await press(page, "Step", 9);
  for (const act of ["Pause", "Slow ×10", "Clock +1 s", "Lose the disk"]) {
    await page.locator("[data-node]").nth(2).click();
    const before = (await stage(page)).fingerprint;
    await press(page.locator(".acts"), act);
    ensure((await stage(page)).fingerprint !== before, `${act} changes nothing`);
    await press(page.locator(".acts"), "Close");
  }
  for (const act of ["Duplicate", "Delay 100 ms", "Deliver now", "Drop"]) {
    await page.locator("[data-flight]:not(.is-lost)").first().focus();
    await page.keyboard.press("Enter");
    const before = (await stage(page)).fingerprint;
    await press(page.locator(".acts"), act);
    ensure((await stage(page)).fingerprint !== before, `${act} changes nothing`);
  }
};

export default tests;
