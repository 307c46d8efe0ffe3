// What if and compare: one thing changed, both runs side by side in step, and a link that carries both.

import { ensure, press, stage } from "./harness.mjs";

const raft = "consensus/raft-election/";
/** Opens a tab; pressing an open one of the dock would close it. */
const tab = async (page, name) => {
  const wanted = page.getByRole("tab", { name, exact: true });
  if (await wanted.getAttribute("aria-selected") !== "true") await wanted.click();
};
const other = (page) => page.$eval("#stage-beside", (stage) => ({ ...stage.dataset, step: Number(stage.dataset.step) }));

const tests = {};

tests["what if an input had not come: both runs in step, and the first event that differs"] = async (site) => {
  const page = await site.open(raft);
  await press(page, "Step", 30);
  await page.locator('[data-node="0"]').first().click();
  await page.getByRole("button", { name: "Crash", exact: true }).click();
  await press(page, "Step", 60);
  await tab(page, "What if");
  await page.getByRole("button", { name: "without it" }).first().click();
  await page.waitForSelector("#stage-beside[data-fingerprint]");
  const [one, two] = [await stage(page), await other(page)];
  ensure(one.fingerprint !== two.fingerprint, "the crash made no difference");
  ensure(await page.locator(".compared tbody tr").count() > 6, "no figures");
  ensure(/They differ from event (\d+) on/.test(await page.locator(".what-if").textContent()), "no first difference");
  await page.getByRole("button", { name: "Go there" }).click();
  ensure((await stage(page)).step > 30, "they differ before the crash");
  await press(page, "Restart");
  ensure((await stage(page)).step === 0, "it does not restart");
  await page.waitForFunction(() => document.querySelector("#stage-beside").dataset.step === "0");
};

tests["a rule switched: the link carries the comparison"] = async (site) => {
  const page = await site.open("transactions/two-phase-commit/");
  await press(page, "Step", 40);
  await tab(page, "What if");
  await page.locator(".what-if-rules button").first().click();
  await page.waitForSelector("#stage-beside[data-fingerprint]");
  const before = [await stage(page), await other(page)];
  await press(page, "Copy link");
  const address = await page.evaluate(() => location.href);
  ensure(address.includes("&with=transactions/two-phase-commit~"), address);
  const fresh = await site.open(address.slice(site.address.length), { fresh: true });
  await fresh.waitForSelector("#stage-beside[data-fingerprint]");
  const after = [await stage(fresh), await other(fresh)];
  ensure(before.every((side, at) => side.fingerprint === after[at].fingerprint), "the link replays something else");
  await tab(fresh, "What if");
  await fresh.getByRole("button", { name: "Close the comparison" }).click();
  ensure(await fresh.locator("#stage-beside").count() === 0, "it does not close");
};

tests["another scenario beside, charts of both, and a damaged comparison"] = async (site) => {
  const page = await site.open("resilience/load-balancing/");
  await press(page, "Step", 200);
  await tab(page, "What if");
  await page.getByLabel("Setting", { exact: true }).selectOption({ label: "Policy" });
  await page.getByLabel("Its value").selectOption("3");
  await page.getByRole("button", { name: "Compare", exact: true }).first().click();
  await page.waitForSelector("#stage-beside[data-fingerprint]");
  await tab(page, "Charts");
  ensure(await page.locator(".line.is-other").count() > 0, "the charts show one run only");
  await tab(page, "What if");
  const raftPage = await site.open(raft);
  await tab(raftPage, "What if");
  await raftPage.getByLabel("Scenario", { exact: true }).selectOption("consensus/bully");
  await raftPage.getByRole("button", { name: "Compare", exact: true }).last().click();
  await raftPage.waitForSelector('#stage-beside[data-scenario="consensus/bully"]');
  const bad = await site.open("consensus/raft-election/?with=consensus/raft-election~AAAA");
  ensure((await bad.locator(".notice-bar").textContent()).includes("run beside is left out"), "no sentence for a bad comparison");
};

export default tests;
