// "Break it": find, stop, open and step through a counterexample; shrink a broken run; the page stays responsive.

import { ensure, press, stage } from "./harness.mjs";
import { walkStory } from "./walks.mjs";

const raft = "consensus/raft-election/";
/** Opens a tab; pressing an open one of the dock would close it. */
const tab = async (page, name) => {
  const wanted = page.getByRole("tab", { name, exact: true });
  if (await wanted.getAttribute("aria-selected") !== "true") await wanted.click();
};

/** Switches a rule off by its id. */
async function without(page, rule) {
  await tab(page, "Rules & load");
  await page.locator(`[data-rule="${rule}"] input`).uncheck();
}

/** Opens the search for a promise from its chip. */
async function breakIt(page, promise) {
  await page.locator(".chips button", { hasText: promise }).click();
  await page.getByRole("button", { name: `Break it: ${promise}` }).click();
}

async function search(page, promise) {
  await breakIt(page, promise);
  await page.getByRole("button", { name: "Search every schedule" }).click();
}

const result = (page) => page.locator(".verdict-words").first();

/** Counts frames that take longer than 50 ms from now on. */
async function watchFrames(page) {
  await page.evaluate(() => {
    window.frames_seen = [];
    let last = performance.now();
    const tick = (now) => {
      window.frames_seen.push(now - last);
      last = now;
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  });
}

const tests = {};

tests["a search finds the shortest schedule, opens it, and the reader's run comes back"] = async (site) => {
  const page = await site.open(raft);
  await without(page, "one-vote-per-term");
  await press(page, "Step", 4);
  const own = await stage(page);
  await search(page, "At most one leader per term");
  await page.getByRole("button", { name: "Step through it" }).waitFor({ timeout: 30_000 });
  ensure((await result(page).textContent()).includes("breaks after 6 moves"), await result(page).textContent());
  await page.getByRole("button", { name: "Step through it" }).click();
  ensure((await stage(page)).step === 0, "it does not begin at the start");
  ensure(await page.locator(".scrub-marks .mark-broken, .scrub-marks [class*=broken]").count() > 0, "the breaking event is not marked");
  await press(page, "Step", 6);
  const verdict = () => page.locator('[data-promise="one-leader-per-term"]').getAttribute("data-verdict");
  ensure(await verdict() === "broken", `after six steps it is ${await verdict()}`);
  await page.locator(".tour").getByRole("button", { name: "Back to your own run" }).click();
  ensure((await stage(page)).fingerprint === own.fingerprint, "the reader's run is not as it was");
};

tests["a search from here opens a future of the reader's run"] = async (site) => {
  const page = await site.open(raft);
  await without(page, "one-vote-per-term");
  await tab(page, "Rules & load");
  await page.getByLabel("Servers", { exact: true }).selectOption("0");
  await press(page, "Step", 3);
  await breakIt(page, "At most one leader per term");
  await page.getByLabel("here, where your run stands").check();
  await page.getByRole("button", { name: "Search every schedule" }).click();
  await page.getByRole("button", { name: "Step through it" }).click({ timeout: 60_000 });
  ensure((await stage(page)).step === 3, "the cursor has left the reader's place");
  await tab(page, "Futures");
  ensure(await page.locator(".futures [aria-pressed]").count() === 2, "there is no second future");
  for (let count = 0; count < 12; count += 1) {
    if (await page.locator('[data-promise="one-leader-per-term"]').getAttribute("data-verdict") === "broken") return;
    await press(page, "Step");
  }
  throw new Error("the future does not break the promise");
};

tests["with every rule on a search says that there is none, and how far it looked"] = async (site) => {
  const page = await site.open("transactions/two-phase-commit/");
  await search(page, "One decision for all");
  await page.waitForFunction(() => /No counterexample in all [\d,]+ states\./.test(document.querySelector(".verdict-words")?.textContent), null, { timeout: 60_000 });
};

tests["a search can be stopped, and the page stays responsive meanwhile"] = async (site) => {
  const page = await site.open(raft);
  await search(page, "At most one leader per term");
  await page.locator(".tallies").waitFor();
  await watchFrames(page);
  await press(page, "Play");
  await page.waitForTimeout(2_500);
  await press(page, "Pause");
  const frames = await page.evaluate(() => window.frames_seen.slice(1));
  const slow = frames.filter((length) => length > 50);
  console.log(`        ${frames.length} frames while searching, ${slow.length} over 50 ms, the longest ${Math.max(...frames).toFixed(0)} ms`);
  ensure(frames.length > 30, `only ${frames.length} frames in 2.5 s`);
  const stop = page.getByRole("button", { name: "Stop" });
  if (await stop.count()) await stop.click();
  ensure(/not exhausted|stopped before all were searched/.test(await result(page).textContent()), await result(page).textContent());
};

tests["a broken run is made smaller, and breaks the same promise"] = async (site) => {
  const page = await site.open("messaging/competing-consumers/");
  await without(page, "requeue-unacked");
  await press(page, "Step", 30);
  for (const worker of [2, 3]) {
    await page.locator(`[data-node="${worker}"]`).first().click();
    await page.getByRole("button", { name: "Crash", exact: true }).click();
    await page.getByRole("button", { name: "Close", exact: true }).click();
    await press(page, "Step", 5);
  }
  const broken = page.locator('[data-promise="confirmed-is-done"][data-verdict="broken"]');
  for (let count = 0; count < 60 && !(await broken.count()); count += 1) await press(page, "Step", 10);
  ensure(await broken.count() === 1, "nothing broke");
  await tab(page, "Break it");
  await page.getByRole("button", { name: "Shrink my run" }).click();
  const words = page.locator(".verdict-words", { hasText: "From " });
  await words.waitFor({ timeout: 60_000 });
  const [, inputs, events, fewer, smaller] = (await words.textContent()).match(/From (\d+) inputs and (\d+) events to (\d+) inputs and (\d+)/).map(Number);
  ensure(fewer < inputs || smaller < events, await words.textContent());
  await page.getByRole("button", { name: "Step through it" }).click();
  await press(page, "Step", smaller);
  ensure(await broken.count() === 1, "the smaller run does not break it");
};

tests["the famous failures on the home page are stories that end where a promise breaks"] = async (site) => {
  const page = await site.open("");
  const links = await page.locator(".famous a").evaluateAll((all) => all.map((link) => link.getAttribute("href")));
  ensure(links.length >= 5, `there are ${links.length}`);
  for (const link of links) {
    const shown = await site.open(link.replace(/^\.?\//, ""), { reducedMotion: true });
    await walkStory(shown, link);
    await shown.close();
  }
};

export default tests;
