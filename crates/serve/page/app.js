// The page's parts, put together around an engine: the modes, what they have in common, what goes wrong.

import { byId } from "./dom.js";
import { RateView } from "./rate-view.js";
import { ScoreView } from "./score-view.js";

/** The modes by the name in the address, and what they are called. `more` has further ones: `{ name: { title, view } }`. */
export function makeApp(engine, more = {}) {
  /** Takes a record from one mode to the other. */
  async function rateThis(record) {
    location.hash = "rate";
    await rate.addRecord(record);
  }
  const score = new ScoreView(engine, rateThis);
  const rate = new RateView(engine);
  const titles = { score: "score", rate: "rate", ...more };

  /** Shows the mode that the address names. */
  function showMode() {
    const named = location.hash.slice(1);
    if (named === "main") return;
    const mode = Object.hasOwn(titles, named) ? named : "score";
    for (const name of Object.keys(titles)) byId(name).hidden = name !== mode;
    for (const link of document.querySelectorAll("[data-mode]")) {
      if (link.dataset.mode === mode) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    document.title = `Gradus: ${titles[mode]}`;
  }

  window.addEventListener("hashchange", () => {
    showMode();
    window.scrollTo(0, 0);
  });
  window.addEventListener("unhandledrejection", (event) => showTrouble(`Something failed in this page: ${event.reason?.message ?? event.reason}`));
  window.addEventListener("error", (event) => showTrouble(`Something failed in this page: ${event.message}`));
  showMode();
  return {
    rate,
    score,
    /** Tells the modes which models there are. */
    setInfo(info) {
      score.setInfo(info);
      rate.setInfo(info);
    },
  };
}

export function showTrouble(message) {
  const trouble = byId("trouble");
  trouble.textContent = message;
  trouble.hidden = !message;
}
