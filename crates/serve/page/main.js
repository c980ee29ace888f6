// The page's parts, put together: one engine, two modes, the key.

import { answerOf, byId } from "./dom.js";
import { EngineError, HttpEngine, KeyNeeded } from "./engine.js";
import { RateView } from "./rate-view.js";
import { ScoreView } from "./score-view.js";

const KEY = "gradus-key";

/** An engine that asks for the server's key where it is needed, and then tries again. */
class AskingEngine {
  #engine = new HttpEngine(() => sessionStorage.getItem(KEY));

  info() {
    return this.#asking(() => this.#engine.info());
  }

  score(record, settings, signal) {
    return this.#asking(() => this.#engine.score(record, settings, signal));
  }

  async #asking(request) {
    for (;;) {
      try {
        return await request();
      } catch (error) {
        if (!(error instanceof KeyNeeded)) throw error;
        if (!(await askForKey(error.message))) throw new EngineError(`${error.message}; give it and try again`);
      }
    }
  }
}

let asking = null;

/** Asks once, however many requests wait for the key. Resolves to whether one was given. */
function askForKey(why) {
  asking ??= givenKey(why).finally(() => (asking = null));
  return asking;
}

async function givenKey(why) {
  const dialog = byId("key");
  const input = byId("key-input");
  byId("key-text").textContent = `${why[0].toUpperCase()}${why.slice(1)}.`;
  byId("key-cancel").onclick = () => dialog.close();
  const given = (await answerOf(dialog)) === "yes";
  if (given) sessionStorage.setItem(KEY, input.value.trim());
  input.value = "";
  return given;
}

const engine = new AskingEngine();
const views = { score: new ScoreView(engine, rateThis), rate: new RateView(engine) };

/** Shows the mode that the address names. */
function showMode() {
  const named = location.hash.slice(1);
  if (named === "main") return;
  const mode = named in views ? named : "score";
  for (const name of Object.keys(views)) byId(name).hidden = name !== mode;
  for (const link of document.querySelectorAll("[data-mode]")) {
    if (link.dataset.mode === mode) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = mode === "rate" ? "Gradus: rate" : "Gradus: score";
}

/** Takes a record from one mode to the other. */
async function rateThis(record) {
  location.hash = "rate";
  await views.rate.addRecord(record);
}

function showTrouble(message) {
  const trouble = byId("trouble");
  trouble.textContent = message;
  trouble.hidden = !message;
}

/** What the server serves, once its models are loaded. */
async function loadedInfo() {
  for (;;) {
    const info = await engine.info();
    if (info.models.length) return info;
    byId("server").textContent = "The server loads its models …";
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

async function start() {
  window.addEventListener("hashchange", () => {
    showMode();
    window.scrollTo(0, 0);
  });
  showMode();
  const rating = views.rate.start();
  try {
    const info = await loadedInfo();
    byId("server").textContent = `gradus serve ${info.version}`;
    views.score.setInfo(info);
    views.rate.setInfo(info);
  } catch (error) {
    showTrouble(`No scores: ${error.message}.`);
  }
  await rating;
  document.body.dataset.ready = "";
}

window.addEventListener("unhandledrejection", (event) => showTrouble(`Something failed in this page: ${event.reason?.message ?? event.reason}`));
window.addEventListener("error", (event) => showTrouble(`Something failed in this page: ${event.message}`));
await start();
