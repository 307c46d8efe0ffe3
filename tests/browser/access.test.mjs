// What a reader needs who uses the keyboard, a screen reader, large letters, forced colours or paper.

import { ensure, press, resize, stage, started } from "./harness.mjs";

const raft = "consensus/raft-election/";
const tests = {};

/** What has the focus: what it stands for on the stage, or its name. */
const focused = (page) => page.evaluate(() => {
  const element = document.activeElement;
  const { node, link, flight } = element.dataset;
  if (element === document.body) return "nothing";
  return node ? `node ${node}` : link ? `link ${link}` : flight ? "message" : element.ariaLabel ?? element.textContent;
});

/** Where Tab stops on the stage, in order. */
const stops = (page) => page.$$eval("#stage .canvas [tabindex='0']", (all) => all.map((one) => one.parentElement.classList[0]).join(" "));

async function keys(page, ...all) {
  for (const key of all) await page.keyboard.press(key);
}

tests["Tab stops once for each kind of thing on the stage, and arrows move within it"] = async (site) => {
  const page = await site.open(raft, { reducedMotion: true });
  ensure(await stops(page) === "nodes link-stops", `Tab stops at ${await stops(page)}`);
  await press(page, "Show me");
  await page.waitForSelector("#stage .flight[tabindex]");
  ensure(await stops(page) === "nodes link-stops flights", `with messages, Tab stops at ${await stops(page)}`);
  const { step } = await stage(page);
  const scroll = () => page.evaluate(() => scrollY);
  await page.locator(".canvas [data-link][tabindex='0']").focus();
  await keys(page, "Shift+Tab", "Shift+Tab");
  await keys(page, "Tab", "Tab");
  const there = [];
  for (const key of ["ArrowRight", "ArrowDown", "ArrowLeft", "End", "ArrowRight", "Home"]) {
    await keys(page, key);
    there.push(await focused(page));
  }
  const [kind] = there[0].split(" ");
  ensure(there.every((one) => one.startsWith(kind)) && new Set(there).size >= 3, `arrows lead to ${there}`);
  ensure((await stage(page)).step === step && await scroll() === 0, "the arrows step, or scroll the page");
  await page.locator("#stage [data-node='3']").focus();
  await keys(page, "Tab", "Shift+Tab");
  ensure(await focused(page) === "node 3", `Tab comes back to ${await focused(page)}`);
};

tests["a menu is opened, walked and closed by keys, and the page stays where it is"] = async (site) => {
  const page = await site.open(raft, { width: 1280, height: 500 });
  await page.locator("#stage [data-node='1']").focus();
  await keys(page, "Enter");
  await page.waitForFunction(() => document.activeElement.closest(".acts"));
  const before = await page.evaluate(() => scrollY);
  const first = await focused(page);
  await keys(page, "ArrowDown", "ArrowDown");
  ensure(await page.evaluate(() => document.activeElement.closest(".acts")) && await focused(page) !== first, "arrows do not move in the menu");
  await keys(page, "End");
  ensure(await focused(page) === "Close", `End leads to ${await focused(page)}`);
  await keys(page, "ArrowDown");
  ensure(await focused(page) === first, `from the last item, the arrow leads to ${await focused(page)}`);
  ensure(await page.evaluate(() => scrollY) === before && (await stage(page)).step === 0, "the page scrolls, or the run steps");
  await keys(page, "Escape");
  ensure(await focused(page) === "node 1", `after Escape the focus is at ${await focused(page)}`);
};

tests["the focus goes where its message went"] = async (site) => {
  const page = await site.open(raft, { reducedMotion: true });
  await press(page, "Show me");
  await page.locator("#stage .flight[tabindex='0']").focus();
  await keys(page, "Enter");
  await page.getByRole("button", { name: "Drop", exact: true }).press("Enter");
  ensure(/^(message|node)/.test(await focused(page)), `after Drop the focus is at ${await focused(page)}`);
  await page.locator("#stage .flight[tabindex]").last().focus();
  await page.evaluate(() => [...document.querySelectorAll(".buttons button")].at(-1).click());
  for (let steps = 0; steps < 20 && await focused(page) === "message"; steps += 1) {
    await page.evaluate(() => [...document.querySelectorAll(".buttons button")].at(-1).click());
    await page.waitForTimeout(20);
  }
  ensure((await focused(page)).startsWith("node"), `the focus is at ${await focused(page)}`);
};

tests["the list of keys has the arrows and the search"] = async (site) => {
  const page = await site.open(raft);
  await keys(page, "?");
  const list = await page.locator("#keys").innerText();
  ensure(list.includes("Search") && list.includes("Arrows"), list);
};

/** A table of the stage's text form, by the start of its caption: its rows as texts. */
const table = (page, caption) => page.evaluate((start) => {
  const found = [...document.querySelectorAll(".text-form table")].find((table) => !table.hidden && table.caption?.textContent.startsWith(start));
  return found ? [...found.querySelectorAll("tbody tr")].map((row) => [...row.cells].map((cell) => cell.textContent).join(" | ")) : [];
}, caption);

tests["the stage's text form has what the picture has"] = async (site) => {
  const page = await site.open(raft, { reducedMotion: true });
  await press(page, "Show me");
  await page.locator("#stage [data-node='0']").first().click();
  await press(page, "Crash");
  await page.locator("#stage [data-link='1-2']").focus();
  await keys(page, "Enter");
  await page.getByRole("button", { name: "Cut B to C", exact: true }).press("Enter");
  await page.getByRole("button", { name: "Add 200 ms", exact: true }).press("Enter");
  await page.waitForFunction(() => document.querySelector(".text-form").textContent.includes("B to C"));
  const rows = async (caption, count, words) => {
    const found = await table(page, caption);
    ensure(found.length >= count && words.every((word) => found.some((row) => row.includes(word))), `${caption}: ${found.join("\n")}`);
  };
  await rows("Promises", 5, ["At most one leader per term | holds so far"]);
  await rows("Nodes", 5, ["crashed", "the ring ends at"]);
  await rows("Links", 10, ["A – B | open", "B to C: cut", "200 ms slower"]);
  await rows("Messages in flight", 3, ["C | "]);
  await rows("Logs", 5, []);
  await rows("What was done", 3, ["Crash A"]);
  const marks = await page.locator("#stage [data-link]").count();
  ensure((await table(page, "Links")).length === marks, "not every link of the picture is there");
};

/** A page with a large default font, as the browser's settings have it. */
async function large(site, path, width, height) {
  const page = await site.open(path, { width, height });
  const session = await page.context().newCDPSession(page);
  await session.send("Page.setFontSizes", { fontSizes: { standard: 32, fixed: 26 } });
  await page.waitForFunction(() => getComputedStyle(document.documentElement).fontSize === "32px");
  await page.waitForTimeout(100);
  return page;
}

/** What does not fit the page's width, if it scrolls sideways; and buttons whose words do not fit them. */
const tooWide = (page) => page.evaluate(() => {
  const { scrollWidth, clientWidth } = document.documentElement;
  const over = [...document.querySelectorAll("body *")].filter((element) => element.getBoundingClientRect().right > clientWidth + 1);
  const names = over.slice(0, 4).map((element) => `${element.tagName} ${element.className.baseVal ?? element.className}`);
  const tight = [...document.querySelectorAll("button")].filter((button) => button.scrollWidth > button.clientWidth + 2 && button.clientWidth > 0);
  return scrollWidth > clientWidth ? `${scrollWidth - clientWidth} px too wide: ${names}` : tight.map((button) => `a button cuts off '${button.textContent}'`).join("; ");
});

tests["nothing scrolls sideways with a default font twice as large, nor at 400 %"] = async (site) => {
  for (const path of [raft, "", "consensus/", "rules/"]) {
    const page = await large(site, path, 1280, 720);
    ensure(await tooWide(page) === "", `/${path}: ${await tooWide(page)}`);
    if (path === raft) {
      for (const name of ["Break it", "What if", "Rules & load", "Inspect", "Timeline", "Charts", "As text"]) {
        await page.getByRole("tab", { name, exact: true }).click();
        ensure(await tooWide(page) === "", `${name}: ${await tooWide(page)}`);
      }
      await page.getByRole("tab", { name: "Why", exact: true }).click();
      await press(page, "Step", 3);
      const cut = await page.$$eval(".log-row", (rows) => rows.filter((row) => row.firstElementChild.scrollHeight > row.clientHeight + 1).length);
      ensure(cut === 0, `${cut} events are cut off`);
    }
    await page.close();
    const zoomed = await site.open(path, { width: 320, height: 180 });
    ensure(await tooWide(zoomed) === "", `/${path} at 400 %: ${await tooWide(zoomed)}`);
    await zoomed.close();
  }
};

tests["a scenario is printed as a handout: its picture, every beat with its question, promises and rules, and nothing to press"] = async (site) => {
  const page = await site.open(raft, { reducedMotion: true });
  const beats = await page.locator(".dots .dot").count();
  await page.emulateMedia({ media: "print" });
  const text = await page.evaluate(() => document.body.innerText);
  ensure(await page.locator(".handout ol > li").count() === beats, "not every beat is there");
  const order = ["Raft: electing a leader", "Nobody leads", "What if all five had drawn the same timeout?", "A majority is enough", "At most one leader per term", "One vote per term"];
  const places = order.map((words) => text.indexOf(words));
  ensure(places.every((place, at) => place >= 0 && place > (places[at - 1] ?? -1)), `${order.map((words, at) => `${words}: ${places[at]}`)}`);
  ensure(!/It was:|You were right/.test(text), "an answer is given away");
  ensure(await page.locator(".canvas svg.picture").isVisible(), "the picture is not printed");
  const buttons = await page.locator("button:visible, select:visible, input:visible").count();
  ensure(buttons === 0, `${buttons} things to press are printed`);
  await page.emulateMedia({ media: "screen" });
  ensure(!await page.locator(".handout").isVisible(), "the handout is on the screen");
};

tests["forced colours: links can be seen, and a cut, a slow and an open one differ"] = async (site) => {
  const page = await site.open(raft);
  await page.emulateMedia({ forcedColors: "active" });
  for (const [link, act] of [["0-1", "Cut"], ["1-2", "Add 200 ms"]]) {
    await page.locator(`#stage [data-link='${link}']`).focus();
    await keys(page, "Enter");
    await page.getByRole("button", { name: act, exact: true }).press("Enter");
    await keys(page, "Escape");
  }
  await page.locator("#stage [data-node='4']").focus();
  const look = (link) => page.locator(`#stage [data-line='${link}'] .link`).evaluate((line) => {
    const { stroke, strokeDasharray, strokeWidth } = getComputedStyle(line);
    return { stroke, dashes: `${strokeDasharray} ${strokeWidth}`, text: getComputedStyle(document.body).color };
  });
  const all = await Promise.all(["0-1", "1-2", "2-3"].map(look));
  ensure(all.every(({ stroke, text }) => stroke === text), `links are ${all.map(({ stroke }) => stroke)}`);
  ensure(new Set(all.map(({ dashes }) => dashes)).size === 3, `links look alike: ${all.map(({ dashes }) => dashes)}`);
};

tests["Escape gives the focus back from the search to where it was"] = async (site) => {
  const page = await site.open(raft);
  await page.locator("#stage [data-node='2']").focus();
  await keys(page, "/", "r", "a", "f");
  await page.waitForSelector("#found li");
  await keys(page, "Escape", "Escape");
  ensure(await focused(page) === "node 2", `the focus is at ${await focused(page)}`);
};

tests["what a search has found comes into sight"] = async (site) => {
  const page = await site.open(raft, { width: 1280, height: 720 });
  await page.getByRole("tab", { name: "Break it", exact: true }).click();
  const search = page.locator(".hunt button", { hasText: "Search" }).first();
  await search.scrollIntoViewIfNeeded();
  await search.click();
  await page.waitForSelector(".hunt .verdict-words", { timeout: 60_000 });
  await page.waitForFunction(() => {
    const [result, room] = [".hunt .verdict-words", ".tab-body"].map((what) => document.querySelector(what).getBoundingClientRect());
    return result.top >= room.top - 1 && result.top < room.bottom - 10;
  }, undefined, { timeout: 3_000 });
};

tests["no page warns in the console"] = async (site) => {
  const context = await site.browser.newContext();
  const page = await context.newPage();
  const warnings = [];
  page.on("console", (message) => message.type() === "warning" && warnings.push(message.text()));
  for (const path of [raft, "", "consensus/"]) {
    await page.goto(site.address + path);
    await started(page);
    await page.waitForTimeout(300);
  }
  await context.close();
  ensure(warnings.length === 0, warnings.join("\n"));
};

tests["all guides and the rules are in the header, at every width where it is shown"] = async (site) => {
  const page = await site.open(raft);
  for (const width of [820, 1024, 1280]) {
    await resize(page, width, 900);
    const outside = await page.$$eval(".top nav a", (links) => links.filter((link) => {
      const box = link.getBoundingClientRect();
      return document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2) !== link;
    }).map((link) => link.textContent));
    const last = await page.locator(".top nav a").last().textContent();
    ensure(outside.length === 0 && last === "Rules", `${width} px: ${outside} cannot be seen; the last is ${last}`);
  }
};

export default tests;
