// What a reader does with a run: a story walked to its breach, undo and redo, a run that outlives the page, and play in
// which one sees the messages.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { dist, ensure, press, scenarios, stage } from "./harness.mjs";
import { walkStory } from "./walks.mjs";

const tests = {};
const raft = "consensus/raft-election/";

/** The stories that a scenario's page links to: their rules and addresses. */
async function stories(path) {
  const html = await readFile(join(dist, path, "index.html"), "utf8");
  const links = [...html.matchAll(/href="[^"?]*(\?run=[^"&]+&(?:amp;)?story=([a-z0-9-]+))"/g)];
  return links.map(([, query, rule]) => ({ rule, address: `${path}/${query.replace("&amp;", "&")}` }));
}

const told = (page) => page.$eval(".story", (story) => ({ id: story.dataset.story, move: Number(story.dataset.move) }));

for (const guide of ["consensus", "messaging", "caching", "storage", "transactions", "resilience"]) {
  const path = (await scenarios()).find((path) => path.startsWith(`${guide}/`) && !/generals|flp|agreement/.test(path));
  tests[`/${path}/: its first stories are walked to the breach, and back`] = async (site) => {
    const all = await stories(path);
    ensure(all.length > 0, "the page links to no story");
    // The native suite tells all of them.
    for (const { rule, address } of all.slice(0, 2)) {
      const page = await site.open(address, { reducedMotion: true });
      const { id, move } = await told(page);
      ensure(id === `${path}/${rule}` && move === 0, `${rule} begins as ${id}, move ${move}`);
      const ends = await walkStory(page, rule);
      ensure(ends.at(-1).step > ends[0].step, `${rule} moves nothing`);
      await press(page, "Previous move");
      ensure((await stage(page)).fingerprint === ends.at(-2).fingerprint, `${rule}: the way back is not exact`);
      await page.close();
    }
  };
}

tests["a story stands aside for the reader's own acts, and waits"] = async (site) => {
  const [{ address }] = await stories("consensus/raft-election");
  const page = await site.open(address, { reducedMotion: true });
  await press(page, "Next move");
  const here = await stage(page);
  await page.locator("[data-node]").nth(1).click();
  await press(page, "Crash");
  await page.keyboard.press("Escape");
  ensure((await page.locator(".story").textContent()).includes("your own"), "the story does not say that the run is the reader's");
  await press(page, "Back to the story");
  ensure((await stage(page)).fingerprint === here.fingerprint, "the story has lost its place");
  await press(page, "Back to your own run");
  ensure(await page.locator("[data-node].is-down").count() === 1, "the reader's own run is lost");
};

tests["what is done in a story is seen: a node is down before it restarts"] = async (site) => {
  const { address } = (await stories("consensus/raft-election")).find((story) => story.rule === "vote-on-disk");
  const page = await site.open(address, { reducedMotion: true });
  let down = 0;
  for (let move = 1; await page.getByRole("button", { name: "Next move", exact: true }).count() > 0; move += 1) {
    ensure(move < 30, "the story does not end");
    await press(page, "Next move");
    const title = await page.locator(".story h3").first().textContent();
    if (!/crash/i.test(title)) continue;
    down += await page.locator("[data-node].is-down").count();
    const says = await page.locator(".story .beat p").first().textContent();
    ensure(/memory/.test(says), `nothing is said of what the crash loses: ${says}`);
  }
  ensure(down > 0, "nobody is ever seen down");
  ensure(await page.locator(".callout").count() >= 1, "what clashes is not on the stage");
};

tests["a story's link shows the story from the first paint"] = async (site) => {
  const { rule, address } = (await stories("consensus/raft-election")).find((story) => story.rule === "vote-on-disk");
  const page = await site.open("consensus/");
  let release;
  const held = new Promise((resolve) => (release = resolve));
  await page.route("**/*.wasm", async (route) => {
    await held;
    await route.continue();
  });
  await page.goto(site.address + address, { waitUntil: "domcontentloaded" });
  const shown = await page.locator(".tour").innerText();
  ensure(/^Story\b/.test(shown) && shown.includes("The vote is on disk"), `before the app is there, the panel says ${shown}`);
  release();
  await page.waitForSelector(".story[data-story]");
  ensure((await told(page)).id === `consensus/raft-election/${rule}`, "another story is told");
};

tests["a story that is reloaded stands at the same move"] = async (site) => {
  const { address } = (await stories("consensus/raft-election")).find((story) => story.rule === "vote-on-disk");
  const page = await site.open(address, { reducedMotion: true, fresh: true });
  await press(page, "Next move", 5);
  await page.waitForFunction(() => document.querySelector(".story").dataset.move === "5");
  const [here, title] = [await stage(page), await page.locator(".story h3").first().textContent()];
  ensure(/^Crash /.test(title), `move 5 is ${title}`);
  await page.reload();
  await page.waitForSelector(".story[data-story]");
  ensure((await told(page)).move === 5, `after the reload it stands at move ${(await told(page)).move}`);
  ensure((await stage(page)).fingerprint === here.fingerprint, "the stage shows another moment");
  ensure((await page.locator(".story h3").first().textContent()) === title, "the move says something else");
  await press(page, "To the tour");
  ensure(!page.url().includes("?"), `the address still names the story: ${page.url()}`);
};

tests["a promise that breaks on the way to a story's own one is named in its move"] = async (site) => {
  const { address } = (await stories("consensus/quorums")).find((story) => story.rule === "majority");
  const page = await site.open(address, { reducedMotion: true });
  const also = [];
  while (await page.getByRole("button", { name: "Next move", exact: true }).count() > 0) {
    await press(page, "Next move");
    also.push(...(await page.locator(".story .also").allTextContents()));
  }
  ensure(also.length === 1 && also[0].includes("At most one leader per term"), `said on the way: ${also}`);
  ensure((await page.locator(".story .breach strong").textContent()) === "Broken: One command per index", "it ends with another promise");
};

tests["what is not as it began stands on the stage, and is turned back"] = async (site) => {
  const page = await site.open(raft);
  ensure(await page.locator(".changes").count() === 0, "something is marked at the start");
  const begin = await stage(page);
  await page.getByRole("tab", { name: "Rules & load" }).click();
  await page.locator(".rule input").first().click();
  await page.locator(".setting input[type=range]").first().focus();
  await page.keyboard.press("End");
  const said = await page.locator(".changes span").textContent();
  ensure(/off: .+ · .+: /.test(said), `the stage says ${said}`);
  await press(page, "Reset all");
  ensure(await page.locator(".changes").count() === 0, "something is still marked");
  ensure((await stage(page)).fingerprint === begin.fingerprint, "it is not as it began");
};

tests["a preset turns its settings"] = async (site) => {
  const page = await site.open("caching/cache-aside/");
  await page.getByRole("tab", { name: "Rules & load" }).click();
  await press(page, "Rush hour");
  ensure((await page.locator(".changes span").textContent()).includes("300"), "the load is as it was");
};

tests["a request is followed from hop to hop"] = async (site) => {
  const page = await site.open("resilience/load-balancing/", { reducedMotion: true });
  while (await page.locator("[data-flight]").count() === 0) await press(page, "Step");
  const seen = [(await stage(page)).step];
  await page.locator("[data-flight]").first().click();
  for (let hop = 0; hop < 2; hop += 1) {
    await press(page, "Follow it");
    seen.push((await stage(page)).step);
    ensure(seen.at(-1) > seen.at(-2), `hop ${hop} leads nowhere: ${seen}`);
    if (hop < 1) await page.getByRole("button", { name: "Follow it" }).waitFor();
  }
};

tests["a link is of the whole run, or of what has happened so far"] = async (site) => {
  const page = await site.open(raft);
  await press(page, "Step", 6);
  await page.locator("[data-node]").first().click();
  await press(page, "Crash");
  await page.keyboard.press("Escape");
  await press(page, "Step", 2);
  const full = await stage(page);
  await press(page, "Step back", 4);
  const here = await stage(page);
  const copied = async (name) => {
    await press(page, name);
    return page.evaluate(() => navigator.clipboard.readText());
  };
  const [whole, soFar] = [await copied("Copy link"), await copied("Copy up to here")];
  const step = async (address) => {
    const other = await site.open(raft);
    await other.goto(address);
    await other.waitForSelector("#stage[data-fingerprint]");
    ensure((await stage(other)).fingerprint === here.fingerprint, "a link stands elsewhere");
    await press(other, "Step", full.step - here.step);
    const { fingerprint } = await stage(other);
    await other.close();
    return fingerprint;
  };
  ensure(await step(whole) === full.fingerprint, "what was done later is lost");
  ensure(await step(soFar) !== full.fingerprint, "what was done later is in the link up to here");
};

tests["every act can be undone and done again"] = async (site) => {
  const page = await site.open(raft);
  await press(page, "Step", 5);
  const marks = [await stage(page)];
  await page.locator("[data-node]").first().click();
  await press(page, "Crash");
  await page.keyboard.press("Escape");
  marks.push(await stage(page));
  await press(page, "Step", 3);
  await page.locator("[data-node]").nth(1).click();
  await press(page, "Pause");
  await page.keyboard.press("Escape");
  marks.push(await stage(page));
  await page.getByRole("tab", { name: "Rules & load" }).click();
  await page.locator(".setting input[type=number]").dispatchEvent("change");
  ensure((await stage(page)).step === 0, "a new seed begins no new run");
  await page.locator("h1").click();
  await page.keyboard.press("z");
  ensure((await stage(page)).fingerprint === marks[2].fingerprint, "the run that was replaced does not come back");
  await page.keyboard.press("z");
  await page.keyboard.press("z");
  ensure((await stage(page)).fingerprint === marks[0].fingerprint, "the first act is not undone");
  await page.keyboard.press("z");
  ensure((await stage(page)).fingerprint === marks[0].fingerprint, "one undo too many changes something");
  await page.keyboard.press("Shift+Z");
  ensure((await stage(page)).step === marks[1].step + 3, "redo does not lead to where it was undone");
  await page.keyboard.press("Shift+Z");
  ensure((await stage(page)).fingerprint === marks[2].fingerprint, "the second act is not done again");
};

tests["a run and the tour's beat survive a reload"] = async (site) => {
  const page = await site.open(raft, { reducedMotion: true });
  for (const name of ["Show me", "Next", "Show me"]) await press(page, name);
  const onTour = await stage(page);
  await page.reload();
  await page.waitForSelector("#stage[data-fingerprint]");
  ensure((await stage(page)).fingerprint === onTour.fingerprint, "the tour's run is lost");
  ensure(await page.locator(".tour").getAttribute("data-beat") === "2", "the tour begins anew");
  await page.locator("[data-node]").first().click();
  await press(page, "Crash");
  await page.keyboard.press("Escape");
  await press(page, "Step", 4);
  const own = await stage(page);
  await page.goto(new URL("../../", page.url()).href);
  await page.goto(site.address + raft);
  await page.waitForSelector("#stage[data-fingerprint]");
  ensure((await stage(page)).fingerprint === own.fingerprint, "the reader's own run is lost");
  await press(page, /^Continue the tour/);
  ensure((await stage(page)).fingerprint === onTour.fingerprint, "the tour has lost its place");
};

tests["futures, and what can be undone, survive a reload"] = async (site) => {
  const page = await site.open(raft);
  const crash = async (nth) => {
    await page.locator("[data-node]").nth(nth).click();
    await press(page, "Crash");
    await page.keyboard.press("Escape");
  };
  await press(page, "Step", 5);
  const before = await stage(page);
  await crash(0);
  await press(page, "Step", 3);
  await press(page, "Step back", 3);
  await page.locator("h1").click();
  await page.keyboard.press("z");
  await crash(1);
  await press(page, "Step", 2);
  const futures = async () => {
    if (await page.locator(".futures").count() === 0) await page.getByRole("tab", { name: "Futures" }).click();
    return page.locator(".futures [aria-pressed]").allInnerTexts();
  };
  const [known, here] = [await futures(), await stage(page)];
  ensure(known.some((name) => /crash/i.test(name)), `the futures have no names: ${known}`);
  await page.reload();
  await page.waitForSelector("#stage[data-fingerprint]");
  ensure((await stage(page)).fingerprint === here.fingerprint, "the run stands elsewhere");
  const after = await futures();
  ensure(JSON.stringify(after) === JSON.stringify(known), `the futures are ${after}, and were ${known}`);
  await page.locator("h1").click();
  await page.keyboard.press("z");
  ensure((await stage(page)).fingerprint === before.fingerprint, "what was done before the reload is not undone");
  const count = (await futures()).length;
  await page.locator(".future .quiet").first().click();
  ensure((await page.locator(".futures [aria-pressed]").count()) === count - 1, "a future cannot be dismissed");
};

/** For each of these, how much of two seconds of play has a message in sight. */
for (const path of ["consensus/raft-election", "consensus/paxos", "messaging/simple-task-queue", "storage/leaderless-quorum", "transactions/two-phase-commit", "resilience/load-balancing"]) {
  tests[`/${path}/: most frames of play show a message`] = async (site) => {
    const page = await site.open(`${path}/`);
    await press(page, "Play");
    const share = await page.evaluate(async () => {
      const isSeen = () => document.querySelector(".stream, .flight:not([visibility=hidden])") !== null;
      let [frames, seen] = [0, 0];
      for (const end = performance.now() + 2_000; performance.now() < end; frames += 1) {
        await new Promise((drawn) => requestAnimationFrame(drawn));
        seen += isSeen();
      }
      return seen / frames;
    });
    ensure(share >= 0.6, `a message is in sight in ${Math.round(share * 100)} % of the frames`);
  };
}

export default tests;
