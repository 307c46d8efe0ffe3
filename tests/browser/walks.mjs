// Tours and stories, walked in the page itself, press by press: a press from outside costs several times what it does.

import { ensure } from "./harness.mjs";

/** In the page, as the three below: presses a button that can be seen and is not covered. */
function defineTap() {
  const named = (name) => (one) => (one.ariaLabel ?? one.textContent).trim() === name && one.checkVisibility();
  window.buttonNamed = (name) => [...document.querySelectorAll("button")].find(named(name));
  window.tap = async (name) => {
    const button = window.buttonNamed(name);
    if (!button) throw new Error(`there is no button ${name}`);
    const box = button.getBoundingClientRect();
    const there = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    if (!button.contains(there)) throw new Error(`the button ${name} is covered or out of sight`);
    button.click();
    await new Promise((drawn) => setTimeout(drawn));
  };
  window.standing = () => {
    const { beat, beatState } = document.querySelector(".tour").dataset;
    return `${beat} ${beatState}`;
  };
}

async function beats([from, to]) {
  const { tap, standing } = window;
  const expect = (holds, sentence) => {
    if (!holds) throw new Error(sentence);
  };
  const title = () => document.querySelector(".beat h3").textContent;
  const ends = [];
  for (let beat = from; beat <= to; beat += 1) {
    expect(standing() === `${beat} read`, `beat ${beat} is not read: ${standing()}`);
    document.querySelector(".guess button")?.click();
    const before = title();
    await tap("Show me");
    expect(standing() === `${beat} seen`, `beat ${beat} is not seen: ${standing()}`);
    expect(title() === before, "the text does not stay");
    await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
    const [answer, foot] = [".revealed", ".tour-foot"].map((what) => document.querySelector(what)?.getBoundingClientRect());
    expect(!answer || answer.bottom <= foot.top + 1, `the answer to beat ${beat} is below its card`);
    const [text, room] = [".beat", ".tour-body"].map((what) => document.querySelector(what).getBoundingClientRect().height);
    expect(text <= room + 1, `the words of beat ${beat} are ${Math.round(text - room)} px higher than their card`);
    ends.push(document.querySelector("#stage").dataset.fingerprint);
    if (beat < to) await tap("Next");
  }
  return ends;
}

async function back(ends) {
  const { tap, standing } = window;
  for (let beat = ends.length - 1; beat >= 1; beat -= 1) {
    await tap("Previous beat");
    if (standing() !== `${beat} seen`) throw new Error(`back from beat ${beat + 1} leads to ${standing()}`);
    if (document.querySelector("#stage").dataset.fingerprint !== ends[beat - 1]) throw new Error(`back at beat ${beat} the run is another one`);
  }
}

async function moves() {
  const { tap, buttonNamed } = window;
  const told = () => {
    const { fingerprint, step } = document.querySelector("#stage").dataset;
    return { fingerprint, step: Number(step), move: Number(document.querySelector(".story").dataset.move), breach: document.querySelector(".story .breach")?.textContent };
  };
  const seen = [told()];
  while (buttonNamed("Next move")) {
    await tap("Next move");
    seen.push(told());
  }
  return seen;
}

const inPage = async (page, walk, given) => {
  await page.evaluate(defineTap);
  return page.evaluate(walk, given);
};

/** Walks the tour from one beat to another, without motion; gives the run's fingerprint at the end of each. */
export const walkBeats = (page, from, to) => inPage(page, beats, [from, to]);

/** Walks back to the first beat, through the same runs. */
export const walkBack = (page, ends) => inPage(page, back, ends);

/** Walks a story, without motion, from move to move to its breach, which comes with the last one. Gives where the stage stood. */
export async function walkStory(page, name) {
  const seen = await inPage(page, moves);
  ensure(seen.every(({ move }, at) => move === at), `${name}: the moves are not counted`);
  const early = seen.slice(0, -1).findIndex(({ breach }) => breach);
  ensure(early < 0, `${name} is broken at move ${early} already`);
  ensure(seen.at(-1).breach?.startsWith("Broken: "), `${name} does not end at its breach`);
  return seen;
}
