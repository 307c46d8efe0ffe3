// Plays the recorded run of the home page. Every state, sentence and place of a message was written by the simulator when
// the site was built; this script only decides when to show it.
//
// The recording has `shots`: [moment on the screen in ms, virtual time in us, look of each node, timer of each node
// (since, until; 0 for none), field, sentence, all in words], and `flights`: [from, to, sent, due, first and last shot, whether
// it is lost in the last, look]. It waits for the reader at the two shots of `waits`.

const part = (name) => document.querySelector(name);
const live = part(".live");
const [crash, pause, why, say, breach] = ["crash", "pause", "why", "say", "breach"].map((name) => part(`.live-${name}`));
const still = matchMedia("(prefers-reduced-motion: reduce)");

/** How long a lost message stays in sight, on the screen. */
const FALL = 900;
/** How quickly the rest of a part is played once the reader has asked for the next. */
const HURRY = 5;
/** Without motion, a picture is taken this much later than what it shows, so that messages are seen on their way. */
const LATER = 350;

const svg = (markup) => {
  const group = document.createElementNS("http://www.w3.org/2000/svg", "g");
  group.innerHTML = markup;
  return group;
};

class Player {
  constructor(told) {
    this.told = told;
    this.stops = [...told.waits, told.shots.length - 1];
    this.nodes = told.at.map((at, index) => part(".live-nodes").children[index]);
    this.drawn = told.at.map(() => -1);
    this.flights = part(".live-flights");
    this.flights.replaceChildren();
    this.glyphs = new Map();
    crash.addEventListener("click", () => this.crash());
    pause.addEventListener("click", () => (still.matches ? this.next() : this.toggle()));
    document.addEventListener("visibilitychange", () => this.wake());
    still.addEventListener("change", () => this.restart());
    new IntersectionObserver((seen) => {
      this.inSight = seen.at(-1).isIntersecting;
      this.wake();
    }).observe(live);
    crash.disabled = pause.disabled = false;
    this.restart();
  }

  /** From the first election, or where nothing may move, from the first leader. */
  restart() {
    const { shots, begins, elected } = this.told;
    Object.assign(this, { part: 0, asked: false, paused: false, shot: -1, field: undefined });
    this.finish(false);
    this.at = still.matches ? shots[elected][0] + LATER : this.screen(begins);
    this.draw();
    this.wake();
  }

  get end() {
    return this.told.shots[this.stops[this.part]][0];
  }

  get isOver() {
    return this.part === 2 && this.at >= this.end;
  }

  /** Virtual time at a moment of the screen. */
  time(at, shot) {
    const [one, next] = [this.told.shots[shot], this.told.shots[shot + 1]];
    if (!next || next[0] === one[0]) return one[1];
    return one[1] + (next[1] - one[1]) * (at - one[0]) / (next[0] - one[0]);
  }

  /** The moment of the screen of a virtual time. */
  screen(time) {
    const { shots } = this.told;
    const shot = Math.max(0, shots.findLastIndex((known) => known[1] <= time));
    const [one, next] = [shots[shot], shots[shot + 1] ?? shots[shot]];
    return one[0] + (next[0] - one[0]) * (time - one[1]) / (next[1] - one[1] || 1);
  }

  /** The reader's one act. What is left of the part before it is played quickly. */
  crash() {
    if (crash.getAttribute("aria-disabled") === "true") return;
    this.paused = false;
    if (this.at < this.end && !still.matches) {
      this.asked = true;
    } else {
      this.advance();
    }
    this.draw();
    this.wake();
  }

  advance() {
    this.asked = false;
    this.at = this.end;
    this.part += 1;
    if (still.matches) this.next();
  }

  toggle() {
    if (this.isOver) return this.restart();
    this.paused = !this.paused;
    this.draw();
    this.wake();
  }

  /** Without motion: on to the next sentence, or to where the recording waits. */
  next() {
    if (this.isOver) return this.restart();
    const { shots } = this.told;
    const after = (last) => shots.findIndex((shot, index) => index > last && shot[5]);
    const told = after(this.shot);
    if (told < 0 || told >= Math.min(this.stops[this.part], this.told.broken)) {
      this.at = this.end;
    } else {
      const [from, until] = [shots[told][0], shots[after(told)]?.[0] - 1 || this.end];
      this.at = Math.max(from, Math.min(from + LATER, until, this.end));
    }
    this.draw();
  }

  get runs() {
    return !this.paused && !still.matches && !document.hidden && this.inSight && this.at < this.end;
  }

  /** Goes on, if there is a reason to. */
  wake() {
    if (this.frame || !this.runs) return;
    let before = performance.now();
    const tick = (now) => {
      this.frame = 0;
      // A frame that took long was a pause of the browser.
      this.at += Math.min(now - before, 100) * (this.asked ? HURRY : 1);
      before = now;
      if (this.at >= this.end) {
        this.at = this.end;
        if (this.asked) this.advance();
      }
      this.draw();
      if (this.runs) this.frame = requestAnimationFrame(tick);
    };
    this.frame = requestAnimationFrame(tick);
  }

  /** Shows the moment. */
  draw() {
    const { shots } = this.told;
    const last = this.at >= this.end ? this.stops[this.part] : shots.length - 1;
    let shot = Math.min(shots.findLastIndex((known) => known[0] <= this.at), last);
    // What happens when the reader presses, happens at the moment that the part before it ended.
    if (this.part > 0 && this.at === shots[this.stops[this.part - 1]][0]) shot = this.stops[this.part - 1] + 1;
    const time = this.time(this.at, shot);
    if (shot !== this.shot) this.change(shot);
    this.rings(shots[shot], time);
    this.messages(shot, time);
    this.controls(shot);
  }

  /** Nodes, fields and words change with an event. */
  change(shot) {
    const { shots, looks, fields } = this.told;
    const passed = shots.slice(Math.max(0, shot > this.shot && this.shot >= 0 ? this.shot + 1 : 0), shot + 1);
    this.shot = shot;
    const now = shots[shot];
    now[2].forEach((look, index) => {
      if (this.drawn[index] === look) return;
      const [name, inside] = looks[look];
      this.nodes[index].setAttribute("class", name);
      this.nodes[index].innerHTML = inside;
      this.drawn[index] = look;
    });
    if (this.field !== now[4]) part(".live-fields").innerHTML = fields[this.field = now[4]];
    const words = passed.findLast((known) => known[5])?.[5];
    if (words && say.textContent !== words) say.textContent = words;
    part("#live").setAttribute("aria-label", `Five servers. ${now[6]}`);
  }

  rings(shot, time) {
    const { around, ring } = this.told;
    shot[3].forEach((timer, index) => {
      let path = this.nodes[index].querySelector(".ring");
      if (!timer) return path?.remove();
      if (!path) {
        path = svg(`<path class="ring" pathLength="${around}" d="${ring}"/>`).firstChild;
        this.nodes[index].append(path);
      }
      const left = Math.max(0, timer[1] - time) / (timer[1] - timer[0]);
      path.setAttribute("stroke-dasharray", `${(left * around).toFixed(1)} ${around}`);
    });
  }

  messages(shot, time) {
    const { flights, glyphs, lanes } = this.told;
    for (const [index, flight] of flights.entries()) {
      const place = this.place(flight, shot, time);
      let group = this.glyphs.get(index);
      if (!place) {
        group?.remove();
        this.glyphs.delete(index);
        continue;
      }
      const [name, inside] = glyphs[flight[7]];
      if (!group) {
        group = svg(inside);
        this.flights.append(group);
        this.glyphs.set(index, group);
      }
      const [start, stop] = lanes[flight[0]][flight[1]];
      const [x, y] = [0, 1].map((axis) => start[axis] + (stop[axis] - start[axis]) * place.way);
      group.setAttribute("class", name + (place.fallen === undefined ? "" : " is-lost"));
      group.setAttribute("transform", `translate(${x.toFixed(1)} ${(y + 40 * (place.fallen ?? 0) ** 2).toFixed(1)})`);
      group.setAttribute("opacity", (1 - (place.fallen ?? 0)).toFixed(2));
    }
  }

  /** How far a message is on its way, or since when it falls. Nothing if it is not to be seen. */
  place([, , sent, due, first, last, isLost], shot, time) {
    if (shot < first || (shot > last && !isLost)) return undefined;
    const way = (now) => Math.min(1, Math.max(0, (now - sent) / (due - sent)));
    if (!isLost || shot < last) return { way: way(time) };
    const [since, lost] = this.told.shots[last];
    const fallen = (this.at - since) / FALL;
    return fallen > 1 ? undefined : { way: way(lost), fallen: Math.max(0, fallen) };
  }

  /** What can be pressed, and what stands at the end. */
  controls(shot) {
    const atEnd = this.at >= this.end;
    const over = this.part === 2 && shot >= this.told.broken;
    const ready = !this.asked && (this.part === 0 ? shot >= this.told.elected : this.part === 1 && atEnd);
    crash.setAttribute("aria-disabled", String(!ready));
    const label = this.part === 0 ? "Crash the leader" : "Crash this one too";
    if (crash.textContent !== label) crash.textContent = label;
    const other = over && atEnd ? "Play it again" : still.matches ? "Next step" : this.paused ? "Play" : "Pause";
    if (pause.textContent !== other) pause.textContent = other;
    const isAway = this.part === 2 ? over && !atEnd : atEnd;
    pause.classList.toggle("is-away", isAway);
    live.dataset.state = over ? "broken" : this.part === 0 && shot < this.told.elected ? "electing" : ready ? "waiting" : "playing";
    if (over === breach.hidden) this.finish(over);
    if (isAway && document.activeElement === pause) (over ? why : crash).focus();
  }

  /** Shows what broke, or takes that away again. */
  finish(over) {
    const hadFocus = document.activeElement === crash;
    breach.hidden = why.hidden = !over;
    crash.hidden = say.hidden = over;
    part(".live-verdict").textContent = over ? "broken" : "holds so far";
    part(".live-promise .verdict-mark").textContent = over ? "✗" : "✓";
    part(".live-promise").classList.toggle("is-broken", over);
    if (over && hadFocus) why.focus();
    if (!over && document.activeElement === why) crash.focus();
  }
}

if (live) {
  try {
    new Player(await (await fetch(live.dataset.recording)).json());
  } catch {
    say.textContent = "The recording could not be loaded. The scenario itself may work.";
  }
}
