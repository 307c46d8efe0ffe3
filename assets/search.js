// Searches scenarios, rules, promises and terms from the box in every page's header, and filters the page of all rules.
// The index is fetched when the box is first used.

const KINDS = { g: "Guide", s: "Scenario", r: "Rule", p: "Promise", t: "Term" };
/** How much a kind weighs where several things match alike. */
const WEIGHT = { g: 5, s: 4, t: 3, r: 2, p: 1 };
const MOST = 10;

const fold = (text) => text.toLowerCase().normalize("NFD").replace(/\p{M}/gu, "");

/** How well a thing matches all the words; 0 if it does not. */
function score([kind, name, place, , about], words) {
  const [title, rest] = [fold(name), fold(`${place} ${about}`)];
  let sum = 0;
  for (const word of words) {
    const at = title.indexOf(word);
    if (at === 0) sum += 60;
    else if (at > 0) sum += /[^a-z0-9]/.test(title[at - 1]) ? 45 : 25;
    else if (rest.includes(word)) sum += 6;
    else return 0;
  }
  return sum + WEIGHT[kind] - Math.min(title.length, 60) / 100;
}

class Box {
  constructor(form) {
    this.form = form;
    this.input = form.querySelector("input");
    // The app may change the address without loading a page, so places are resolved now.
    this.root = new URL(form.dataset.up, location.href);
    this.list = document.createElement("ul");
    Object.assign(this.list, { id: "found", role: "listbox", className: "found", hidden: true });
    this.list.setAttribute("aria-label", "Found");
    this.word = document.createElement("p");
    Object.assign(this.word, { className: "found-none", hidden: true });
    this.word.setAttribute("role", "status");
    form.append(this.list, this.word);
    for (const [name, value] of [["role", "combobox"], ["aria-expanded", "false"], ["aria-controls", "found"], ["aria-autocomplete", "list"]]) {
      this.input.setAttribute(name, value);
    }
    this.input.addEventListener("focus", ({ relatedTarget }) => {
      this.before = relatedTarget;
      this.load();
    });
    this.input.addEventListener("input", () => this.find());
    this.input.addEventListener("keydown", (event) => this.key(event));
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("focusout", (event) => form.contains(event.relatedTarget) || this.close());
    // A press on an option must not take the focus from the box before it is followed.
    this.list.addEventListener("pointerdown", (event) => event.preventDefault());
  }

  async load() {
    this.index ??= fetch(new URL(this.form.dataset.index, this.root)).then((answer) => answer.json());
    try {
      this.all = await this.index;
    } catch {
      this.index = undefined;
      this.say("The index could not be loaded. Try again in a moment.");
    }
    if (this.input.value) this.find();
  }

  find() {
    if (!this.all) return this.load();
    const words = fold(this.input.value).split(/\s+/).filter(Boolean);
    if (!words.length) return this.close();
    const matches = this.all.map((thing) => [score(thing, words), thing]).filter(([points]) => points > 0);
    matches.sort((a, b) => b[0] - a[0]);
    const items = matches.slice(0, MOST).map(([, thing], index) => this.option(thing, index));
    this.list.replaceChildren(...items);
    this.list.hidden = !items.length;
    this.input.setAttribute("aria-expanded", String(items.length > 0));
    this.say(items.length ? "" : `Nothing here matches “${this.input.value.trim()}”.`);
    this.choose(items.length ? 0 : -1);
  }

  option([kind, name, place, address, about], index) {
    const item = document.createElement("li");
    item.id = `found-${index}`;
    item.setAttribute("role", "option");
    item.dataset.to = new URL(address, this.root).href;
    const line = (className, text) => Object.assign(document.createElement("span"), { className, textContent: text });
    item.append(line("found-name", name), line("found-kind", place ? `${KINDS[kind]} · ${place}` : KINDS[kind]), line("found-about", about));
    item.addEventListener("click", (event) => this.follow(item, event.ctrlKey || event.metaKey));
    return item;
  }

  /** Goes where an option leads, or opens it beside this page. */
  follow(item, beside) {
    if (beside) return window.open(item.dataset.to);
    this.input.value = "";
    this.close();
    this.input.blur();
    location.href = item.dataset.to;
  }

  choose(index) {
    const items = [...this.list.children];
    this.chosen = items.length ? (index + items.length) % items.length : -1;
    items.forEach((item, at) => item.setAttribute("aria-selected", String(at === this.chosen)));
    const item = items[this.chosen];
    if (index < 0 || !item) return this.input.removeAttribute("aria-activedescendant");
    this.input.setAttribute("aria-activedescendant", item.id);
    item.scrollIntoView({ block: "nearest" });
  }

  key(event) {
    const open = !this.list.hidden;
    const moves = { ArrowDown: 1, ArrowUp: -1 };
    if (moves[event.key] && open) {
      event.preventDefault();
      const count = this.list.children.length;
      this.choose((this.chosen + moves[event.key] + count) % count);
    } else if (event.key === "Enter" && open) {
      event.preventDefault();
      this.follow(this.list.children[this.chosen], event.ctrlKey || event.metaKey);
    } else if (event.key === "Escape") {
      event.preventDefault();
      if (open || this.input.value) {
        this.input.value = "";
        this.close();
      } else {
        this.leave();
      }
    }
    // What is typed here is no command of the page.
    event.stopPropagation();
  }

  /** Gives the focus back to what had it. */
  leave() {
    if (this.before?.isConnected) this.before.focus();
    else this.input.blur();
  }

  close() {
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
    this.say("");
  }

  say(text) {
    this.word.textContent = text;
    this.word.hidden = !text;
  }
}

const form = document.querySelector("form.find");
if (form) {
  const box = new Box(form);
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.closest?.("input:not([type=range], [type=checkbox]), textarea, select, [contenteditable]");
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || isTyping) return;
    event.preventDefault();
    box.input.focus();
    box.input.select();
  });
}

/** The page of all rules shows those that have every word. */
const filter = document.querySelector(".rules-filter");
if (filter) {
  const rules = [...document.querySelectorAll(".rule-entry")].map((rule) => [
    rule,
    fold(`${rule.textContent} ${rule.closest(".rules-group").querySelector("h3").textContent} ${rule.closest(".rules-guide").querySelector("h2").textContent}`),
  ]);
  const [input, count] = [filter.querySelector("input"), filter.querySelector("output")];
  const apply = () => {
    const words = fold(input.value).split(/\s+/).filter(Boolean);
    let left = 0;
    for (const [rule, text] of rules) {
      rule.hidden = !words.every((word) => text.includes(word));
      left += rule.hidden ? 0 : 1;
    }
    for (const group of document.querySelectorAll(".rules-group, .rules-guide")) group.hidden = !group.querySelector(".rule-entry:not([hidden])");
    count.textContent = left ? `${left} ${left === 1 ? "rule" : "rules"}` : "No rule has all of these words.";
  };
  filter.addEventListener("submit", (event) => event.preventDefault());
  input.addEventListener("input", apply);
  // A link to a rule must not lead to one that is filtered out.
  addEventListener("hashchange", () => {
    const target = document.getElementById(location.hash.slice(1));
    if (!target?.closest("[hidden]")) return;
    input.value = "";
    apply();
    target.scrollIntoView();
  });
  if (input.value) apply();
}
