// Every scenario, as one visit: sizes, stepping, seeking, themes, links, faults, the tour and what is in sight in it. And what one scenario shows for
// all: rules and settings, playing, branches, the keyboard, the menu of faults.

import { audit, fits } from "./audit.mjs";
import { ensure, press, resize, scenarios, seek, stage } from "./harness.mjs";
import { looks, noticeFits } from "./sight.mjs";
import { walkBack, walkBeats } from "./walks.mjs";

/** Goes to the start and steps from there; with nothing done, to the same state as from a page just opened. */
async function stepTo(page, step) {
  await seek(page, 0);
  await press(page, "Step", step);
  ensure((await stage(page)).step === step, `${step} steps do not lead to event ${step}`);
}

/** Begins a new run, as choosing a seed does. */
async function beginAnew(page) {
  await page.getByRole("tab", { name: "Rules & load" }).click();
  await page.locator(".setting input[type=number]").dispatchEvent("change");
  const { step } = await stage(page);
  ensure(step === 0 && (await page.locator(".moment").textContent()).includes("event 0 of 0"), "no new run has begun");
}

/** The tour's beat and where it stands: "3 seen". */
function beatState(page) {
  return page.$eval(".tour", (tour) => `${tour.dataset.beat} ${tour.dataset.beatState}`);
}

/** After so many beats it is looked at what is in sight. */
const LOOKED_AT = 2;

/** What a visitor of any scenario does, from a page that was just opened on. */
const visit = (path) => ({
  "fits 320, 390, 820 and 1440 px, and all that belongs together is in sight together": async (page) => {
    await fits(page);
    await looks(page, "at the start");
    await resize(page);
  },

  "50 steps and 50 backs, and a seek, are exact": async (page) => {
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
  },

  "no accessibility violation in either theme": async (page) => {
    await stepTo(page, 12);
    await audit(page);
  },

  "a copied link opens the same run in a fresh browser": async (page, site) => {
    await stepTo(page, 12);
    await page.locator("[data-node]").last().focus();
    await page.keyboard.press("Enter");
    await press(page, "Crash");
    await press(page, "Step", 15);
    const here = await stage(page);
    await press(page, "Copy link");
    await page.waitForFunction(() => location.search.startsWith("?run="));
    const link = new URL(page.url());
    const fresh = await site.open(`${path}/${link.search}`, { fresh: true });
    const there = await stage(fresh);
    ensure(there.step === here.step && there.fingerprint === here.fingerprint, `${JSON.stringify(here)} became ${JSON.stringify(there)}`);
    await fresh.close();
  },

  "a crash and a cut act, and are seen": async (page) => {
    await beginAnew(page);
    await stepTo(page, 5);
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
  },

  "the tour completes, all that belongs together in sight together, and the way back is exact": async (page) => {
    await beginAnew(page);
    // Without motion a beat is seen at once.
    await page.emulateMedia({ reducedMotion: "reduce" });
    await page.locator(".panels > .tabs [role=tab]").first().click();
    const begin = page.getByRole("button", { name: /^(Take|Continue) the tour/ });
    if (await begin.isVisible()) await begin.click();
    const beats = Number((await page.locator(".tour .count").first().textContent()).split(" of ")[1]);
    await resize(page, 1280, 720);
    const ends = await walkBeats(page, 1, LOOKED_AT);
    await looks(page, `after ${LOOKED_AT} beats`);
    await resize(page, 1280, 720);
    await press(page, "Next");
    ends.push(...await walkBeats(page, LOOKED_AT + 1, beats));
    ensure(await page.locator("text=That was the tour").isVisible(), "the tour does not end");
    ensure((await page.locator(".notice-bar").textContent()).trim() === "", "the tour left a notice");
    await walkBack(page, ends);
    await noticeFits(page);
  },
});

export const visits = (await scenarios()).map((path) => ({ path: `${path}/`, tests: visit(path) }));

const tests = {};

/** Scenarios that together have every kind of control. What each control does to the run, the native suite tests for all. */
const CONTROLS = ["transactions/two-phase-commit", "resilience/load-balancing"];

for (const path of CONTROLS) {
  tests[`/${path}/: every rule and setting changes the run`] = async (site) => {
    const page = await site.open(`${path}/`);
    await press(page, "Step", 4);
    await page.getByRole("tab", { name: "Rules & load" }).click();
    const fingerprint = async () => (await stage(page)).fingerprint;
    for (const rule of await page.locator(".rule input").all()) {
      const before = await fingerprint();
      await rule.click();
      ensure(await fingerprint() !== before, "a rule changes nothing");
    }
    for (const slider of await page.locator(".setting input[type=range]").all()) {
      const before = await fingerprint();
      await slider.focus();
      await page.keyboard.press("End");
      const after = await fingerprint();
      await page.keyboard.press("Home");
      ensure(after !== before || await fingerprint() !== before, "a setting changes nothing");
    }
    for (const toggle of await page.locator(".setting input[type=checkbox]").all()) {
      const before = await fingerprint();
      await toggle.click();
      ensure(await fingerprint() !== before, "a switch changes nothing");
    }
    for (const choice of await page.locator(".setting select").all()) {
      const before = await fingerprint();
      const other = await choice.evaluate((select) => (select.selectedIndex === 0 ? 1 : 0));
      await choice.selectOption({ index: other });
      ensure(await fingerprint() !== before, "a choice changes nothing");
    }
  };
}

tests["the scenarios whose controls are tried have every kind of control"] = async (site) => {
  for (const kind of [".rule input", ".setting input[type=range]", ".setting input[type=checkbox]", ".setting select"]) {
    let found = 0;
    for (const path of CONTROLS) {
      const page = await site.open(`${path}/`);
      await page.getByRole("tab", { name: "Rules & load" }).click();
      found += await page.locator(kind).count();
      await page.close();
    }
    ensure(found > 0, `none has ${kind}`);
  }
};

tests["a promise that breaks stops the run and is explained"] = async (site) => {
  const page = await site.open("messaging/competing-consumers/");
  await page.getByRole("tab", { name: "Rules & load" }).click();
  await page.locator("[data-rule=prefetch-one] input").click();
  for (let tries = 0; tries < 400 && !(await page.locator("[data-verdict=broken]").count()); tries += 1) await press(page, "Step");
  ensure(await page.locator("[data-verdict=broken] .clash dd").count() >= 2, "the clashing values are not shown");
  ensure(await page.locator("[data-node].is-clashing").count() >= 1, "the clashing nodes are not rung");
};

tests["a beat plays in sight, can be skipped, and a run of the reader's own is kept beside the tour"] = async (site) => {
  const page = await site.open("consensus/raft-election/");
  const seen = () => page.waitForFunction(() => document.querySelector(".tour").dataset.beatState === "seen");
  for (let beat = 1; beat <= 3; beat += 1) {
    await press(page, "Show me");
    if (beat === 3) {
      ensure(await beatState(page) === "3 playing", "the third beat does not play");
      await page.waitForFunction(() => document.querySelectorAll("[data-flight]").length > 0);
    }
    await seen();
    await press(page, "Next");
  }
  const end = await stage(page);
  await press(page, "Show me");
  ensure(await beatState(page) === "4 playing", "the fourth beat does not play");
  await press(page, "Skip");
  ensure(await beatState(page) === "4 seen", "a beat that is skipped is not seen");
  await press(page, "Previous beat");
  ensure((await stage(page)).fingerprint === end.fingerprint, "the way back is not exact");
  await page.locator("[data-node]").first().click();
  await press(page, "Crash");
  const own = await stage(page);
  await press(page, "Close");
  await press(page, "Continue the tour at beat 3");
  ensure(await beatState(page) === "3 seen" && (await stage(page)).fingerprint === end.fingerprint, "the tour is not where it was");
  await press(page, "Back to your own run");
  ensure((await stage(page)).fingerprint === own.fingerprint, "the reader's own run is lost");
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
  await page.getByRole("tab", { name: "Futures" }).click();
  await page.getByRole("button", { name: /^1: / }).click();
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
