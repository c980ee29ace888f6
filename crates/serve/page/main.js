// The page of `gradus serve`: the engine of its server, and the key.

import { makeApp, showTrouble } from "./app.js";
import { answerOf, byId } from "./dom.js";
import { EngineError, HttpEngine, KeyNeeded } from "./engine.js";

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
const app = makeApp(engine);

/** What the server serves, once its models are loaded. */
async function loadedInfo() {
  for (;;) {
    const info = await engine.info();
    if (info.models.length) return info;
    byId("server").textContent = "The server loads its models …";
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

const rating = app.rate.start();
try {
  const info = await loadedInfo();
  byId("server").textContent = `gradus serve ${info.version}`;
  app.setInfo(info);
} catch (error) {
  showTrouble(`No scores: ${error.message}.`);
}
await rating;
document.body.dataset.ready = "";
