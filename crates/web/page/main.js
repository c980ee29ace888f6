// The page that computes by itself: the engine in its worker, the models, what is kept.

import { makeApp, showTrouble } from "./app.js";
import { BundlesView } from "./bundles-view.js";
import { DeviceView } from "./device-view.js";
import { byId } from "./dom.js";
import { TrainView } from "./train-view.js";
import { WorkerEngine } from "./worker-engine.js";

/** The model that the page comes with: files of `quickstart/`. */
const QUICKSTART = ["manifest.json", "config.json", "tokenizer.json", "model.safetensors"];

async function quickstart() {
  const files = await Promise.all(
    QUICKSTART.map(async (name) => {
      const response = await fetch(`quickstart/${name}`);
      if (!response.ok) throw new Error(`quickstart/${name} is not there (status ${response.status})`);
      return [name, new Uint8Array(await response.arrayBuffer())];
    }),
  );
  return Object.fromEntries(files);
}

const engine = new WorkerEngine();
const app = makeApp(engine, { train: "train" });
const train = new TrainView(engine, () => app.rate.records(), refresh);
const device = new DeviceView(engine, refresh);
const bundles = new BundlesView(engine, refresh, (name) => train.removed(name));

/** Tells every mode which models there are, and chooses `chosen`. */
async function refresh(chosen) {
  const info = await engine.info();
  app.setInfo(info);
  train.setInfo(info);
  bundles.show(info);
  if (chosen) byId("score-model").value = chosen;
  device.show(info);
}

const rating = app.rate.start();
const kept = train.start();
await device.start();
try {
  await engine.load("quickstart", quickstart);
  for (const [name, files] of await kept) {
    await engine.load(name, async () => Object.fromEntries(Object.entries(files).map(([file, bytes]) => [file, bytes.slice()])));
  }
  await refresh();
} catch (error) {
  showTrouble(`No scores: ${error.message}.`);
}
if (!byId("score-response").value) byId("score-example").click();
document.activeElement?.blur();
await rating;
// Works without a network from the second visit on; browsers allow it with TLS, and on this machine.
if (window.isSecureContext && navigator.serviceWorker) {
  navigator.serviceWorker.register("sw.js").catch((error) => showTrouble(`This page will not work offline: ${error.message}.`));
}
// For the console: `await gradus.score({ prompt, response }, { model: "quickstart" })`.
globalThis.gradus = engine;
document.body.dataset.ready = "";
