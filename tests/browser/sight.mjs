// What a scenario's page shows together on one screen: what a reader needs together is in sight together, in three windows,
// at the start and after two beats, with a notice; nothing that the stage says is written smaller than 12 px, is cut off or
// runs into its neighbour; no figure is missed on a phone; no scroller is inside another.

import { drawn, ensure, press, resize } from "./harness.mjs";

const WIDE = {
  stage: "#stage", "the promises": ".promises .chips", "the beat's text": ".beat > p", "the primary button": ".tour .primary",
  transport: ".transport", "the open panel's tabs": ".panels > .tabs", "the open panel": ".tab-body",
};
const PHONE = {
  stage: "#stage", "the promises' summary": ".promise-summary", "the beat's title": ".beat h3", "the primary button": ".tour .primary",
};
const WINDOWS = [[1280, 720, WIDE], [1440, 900, WIDE], [390, 844, PHONE]];

/** The smallest letters, in CSS pixels, and where that is held to. */
const SMALLEST = 12;

/** What is not wholly inside the window, or has no size, of these things; and what any scroller cuts off of the beat's text. */
function outside(wanted) {
  const found = [];
  const { clientWidth, clientHeight } = document.documentElement;
  for (const [name, selector] of Object.entries(wanted)) {
    const box = document.querySelector(selector)?.getBoundingClientRect();
    const isIn = box && box.width > 0 && box.height > 0 && box.left >= -0.5 && box.top >= -0.5 && box.right <= clientWidth + 0.5 && box.bottom <= clientHeight + 0.5;
    if (!isIn) found.push(`${name} (${box ? ["left", "top", "right", "bottom"].map((side) => Math.round(box[side])) : "missing"})`);
  }
  const [text, room] = [".beat > p", ".tour-body"].map((selector) => document.querySelector(selector)?.getBoundingClientRect());
  if (text && text.bottom > room.bottom + 0.5) found.push(`the beat's text below its card (by ${Math.round(text.bottom - room.bottom)} px)`);
  return found;
}

/** The texts on the stage that are smaller on the screen than they may be. */
function smallLabels(smallest) {
  const texts = [...document.querySelectorAll("#stage svg.picture text")];
  const size = (text) => parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a;
  return texts.filter((text) => text.textContent && size(text) < smallest - 0.05).map((text) => `"${text.textContent}": ${size(text).toFixed(1)} px`);
}

/** The words of the picture that leave the stage, and those of a figure that lie over each other or over a row's cells. */
function cutLabels() {
  const canvas = document.querySelector("#stage .canvas");
  const room = canvas.getBoundingClientRect();
  const all = (of, what) => [...of.querySelectorAll(what)].map((element) => ({ text: element.textContent, box: element.getBoundingClientRect() }));
  const leaves = ({ text, box }) => text && box.width > 0 && (box.left < room.left - 1 || box.right > room.right + 1 || box.top < room.top - 1 || box.bottom > room.bottom + 1);
  const found = all(canvas, ".node text, .figure text, .set-label, .losses text, text.losses").filter(leaves).map(({ text }) => `"${text}" leaves the stage`);
  const meet = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1.5 && Math.abs((a.top + a.bottom) / 2 - (b.top + b.bottom) / 2) < 3;
  for (const figure of canvas.querySelectorAll(".figure")) {
    const words = all(figure, ".row-label, .head, .entry, .bar-text").filter(({ text }) => text);
    const boxes = all(figure, ".cell rect, .slot, .bar-back");
    for (const [at, one] of words.entries()) {
      const over = [...words.slice(at + 1), ...boxes].find((other) => meet(one.box, other.box));
      if (over) found.push(`"${one.text}" runs into "${over.text || "a cell"}"`);
    }
  }
  const lie = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4;
  const said = all(canvas, ".node text, .figure text").filter(({ text, box }) => text && box.width > 0);
  for (const name of all(canvas, ".flight.is-named:not([data-near]) .name").filter(({ box }) => box.width > 0)) {
    const over = said.find(({ box }) => lie(name.box, box));
    if (over) found.push(`a message's name, "${name.text}", lies over "${over.text}"`);
  }
  return found;
}

/** The titles of the figures that one can look at, on the stage or below it; a title alone is no figure. */
function figures() {
  const all = [...document.querySelectorAll("#stage .figure, .left-out .figure")].filter((figure) => figure.children.length > 1 && figure.checkVisibility());
  return all.map((figure) => figure.querySelector(".figure-title").textContent);
}

/** Elements that scroll, inside others that scroll. */
function nestedScrollers() {
  const scrolls = (element) => element.scrollHeight > element.clientHeight + 1 && /auto|scroll/.test(getComputedStyle(element).overflowY);
  const all = [...document.querySelectorAll(".workbench *")].filter(scrolls);
  return all.filter((inner) => all.some((outer) => outer !== inner && outer.contains(inner))).map((element) => element.className);
}

/** Holds the page as it stands to all three windows. */
export async function looks(page, when) {
  let known;
  for (const [width, height, wanted] of WINDOWS) {
    await resize(page, width, height);
    await drawn(page);
    const where = `${width} x ${height}, ${when}`;
    const missing = await page.evaluate(outside, wanted);
    ensure(missing.length === 0, `${where}, not in sight: ${missing.join(", ")}`);
    const cut = await page.evaluate(cutLabels);
    ensure(cut.length === 0, `${where}: ${cut.slice(0, 4).join(", ")}`);
    const nested = await page.evaluate(nestedScrollers);
    ensure(nested.length === 0, `${where}: a scroller in a scroller: ${nested.join(", ")}`);
    const shown = await page.evaluate(figures);
    known ??= shown;
    const missed = known.filter((title) => !shown.includes(title));
    ensure(missed.length === 0, `${where}: these figures are nowhere: ${missed.join(", ")}`);
    if (width === 1280) {
      const small = await page.evaluate(smallLabels, SMALLEST);
      ensure(small.length === 0, `${where}: ${small.slice(0, 4).join(", ")}`);
    }
  }
}

/** A notice, too, is in sight beside all the rest. */
export async function noticeFits(page) {
  await resize(page, 1280, 720);
  await press(page, "Copy link");
  await page.waitForFunction(() => document.querySelector(".notice-bar").getBoundingClientRect().height > 20);
  await drawn(page);
  const hidden = await page.evaluate(outside, { ...WIDE, "the notice": ".notice-bar" });
  ensure(hidden.length === 0, `with a notice, not in sight: ${hidden.join(", ")}`);
  await resize(page);
}
