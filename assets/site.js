// What every page does without WebAssembly: the theme, what the reader has seen, and plain words where the simulator
// does not come. It runs in the head, so that no wrong theme flashes.
(() => {
  // A browser that keeps nothing is a browser without memory; the page works.
  const read = (name) => {
    try {
      return localStorage.getItem(`faultline.${name}`);
    } catch {
      return null;
    }
  };
  const write = (name, value) => {
    try {
      localStorage.setItem(`faultline.${name}`, value);
    } catch {}
  };

  // The theme.

  const theme = () => ["light", "dark"].find((known) => known === read("theme")) ?? "auto";

  const showTheme = () => {
    document.documentElement.dataset.theme = theme();
    for (const choice of document.querySelectorAll(".theme select")) {
      choice.value = theme();
      choice.disabled = false;
    }
  };

  const chooseTheme = ({ target }) => {
    if (!target.matches(".theme select")) return;
    write("theme", target.value);
    showTheme();
  };

  // Progress, as the app writes it: the scenarios that were visited, and the last one.

  const DAMAGED =
    "Your saved progress could not be read, so it starts afresh. The old data is kept aside in this browser.";

  /** What is remembered; nothing if it is damaged. */
  const progress = () => {
    try {
      const { visits, last } = JSON.parse(read("progress") ?? '{"visits":{}}');
      return { visited: Object.keys(visits), last };
    } catch {
      return undefined;
    }
  };

  const startAfresh = (place) => {
    write("progress.damaged", read("progress"));
    write("progress", '{"visits":{},"last":null}');
    place.className = "notice";
    place.textContent = DAMAGED;
  };

  /** Where a scenario was left, in words; nothing if that is not known. */
  const whereLeft = (path) => {
    try {
      const { beats, run } = JSON.parse(read(`run.${path}`));
      return `${beats > 0 ? `, beat ${beats}` : ""}${run ? ", with your own run" : ""}`;
    } catch {
      return "";
    }
  };

  const offer = (place, link, path) => {
    const offered = Object.assign(document.createElement("a"), { className: "continue", href: link.href });
    offered.textContent = `Continue: ${link.textContent}${whereLeft(path)}`;
    place.replaceChildren(offered);
  };

  /** Marks the list items that link to what was visited, and offers to continue if the page has a place for that. */
  const showProgress = () => {
    const place = document.querySelector(".continue-place");
    const known = progress();
    if (!known) {
      if (place) startAfresh(place);
      return;
    }
    for (const link of document.querySelectorAll("main li > a:not([href*='?'])")) {
      const path = known.visited.find((visited) => link.pathname.endsWith(`/${visited}/`));
      if (!path) continue;
      link.parentElement.classList.add("visited");
      if (place && path === known.last) offer(place, link, path);
    }
  };

  // A story that an address opens stands where the tour would: its rule is named on the page already.

  const opens = new URLSearchParams(location.search).get("story");
  if (opens) document.documentElement.dataset.opens = "story";

  const showStory = () => {
    const place = document.querySelector(".tour.is-still");
    if (!opens || !place) return;
    const isItsOwn = ({ href }) => new URL(href).searchParams.get("story") === opens;
    const rule = [...document.querySelectorAll(".without a")].find(isItsOwn)?.textContent;
    const title = Object.assign(document.createElement("h3"), { textContent: rule ? `Without “${rule}”` : "How it breaks" });
    place.classList.add("story");
    place.querySelector("h2").textContent = "Story";
    place.querySelector(".dots").remove();
    place.querySelector(".primary").textContent = "Next move";
    place.querySelector(".tour-body").replaceChildren(title);
  };

  // The simulator. Its place says that it is loading; once it is there, nothing says so any more.

  const HERE = "The picture stands still and the buttons stay off; everything else on this page is here to read.";

  const reason = (error) => {
    if (typeof WebAssembly !== "object") return "This browser has no WebAssembly, which the simulator needs.";
    if (error instanceof WebAssembly.CompileError) return "This browser does not run the simulator's WebAssembly: it may be blocked.";
    return "The simulator could not be loaded. Reload the page to try again.";
  };

  const missing = (error) => {
    const place = document.querySelector(".loading");
    if (!place) return;
    place.classList.add("no-wasm");
    place.textContent = `${reason(error)} ${HERE}`;
  };

  const isOfScripts = (target) => target === window || target.tagName === "SCRIPT";

  addEventListener("error", (event) => isOfScripts(event.target) && missing(event.error), true);
  addEventListener("unhandledrejection", (event) => missing(event.reason));

  // A page that the browser brings back as it was is brought up to date.

  const show = () => {
    showTheme();
    showProgress();
  };

  const begin = () => {
    show();
    showStory();
  };

  showTheme();
  addEventListener("change", chooseTheme);
  addEventListener("DOMContentLoaded", begin);
  addEventListener("pageshow", (event) => event.persisted && show());
})();
