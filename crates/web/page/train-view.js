// The mode that trains: on the records of the mode that rates, or on generated ones.

import { announce, button, byId, element, fillSelect } from "./dom.js";
import { EngineError } from "./engine.js";
import { freeName } from "./bundles-view.js";
import { drawCurve, figure } from "./curve.js";
import { RunStore } from "./run-store.js";
import { visible } from "./text.js";

/** Learning rate and epochs to begin with, by what is trained. */
const BEGINNINGS = { scratch: ["0.002", "5"], adapters: ["0.001", "4"], all: ["0.0005", "4"] };
/** A pretrained encoder has more to lose. */
const LARGE = 5_000_000;

export class TrainView {
  #engine;
  #records;
  #changed;
  #models = [];
  #store = null;
  #curve = { losses: [], errors: [], steps: 0 };
  #running = false;
  /** Writes of states, one after the other. */
  #keeping = Promise.resolve();

  /** `records()` gives name and lines of the rated records, `changed(name)` is called when a model was made. */
  constructor(engine, records, changed) {
    this.#engine = engine;
    this.#records = records;
    this.#changed = changed;
    byId("train-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#begin();
    });
    byId("train-data").addEventListener("change", () => this.#showSettings());
    for (const id of ["train-part", "train-base"]) {
      byId(id).addEventListener("change", () => {
        this.#showSettings();
        this.#suggest();
      });
    }
    byId("train-stop").addEventListener("click", async () => {
      byId("train-stop").disabled = true;
      this.#say("Stopping after this step …");
      await this.#engine.stop();
    });
    this.#showSettings();
    this.#suggest();
  }

  /** Opens what the browser keeps; resolves to the bundles that were trained, `[[name, files]]`. */
  async start() {
    try {
      this.#store = await RunStore.open();
      const run = await this.#store.run();
      if (run) this.#offer(run);
      return await this.#store.trained();
    } catch (error) {
      this.#notKept(error);
      return [];
    }
  }

  setInfo({ models }) {
    this.#models = models;
    fillSelect(byId("train-base"), models.map(({ name }) => [name, name]));
    this.#showSettings();
  }

  async removed(name) {
    await this.#tryToKeep(() => this.#store.remove(name));
  }

  #say(text, isTrouble = false) {
    byId("train-status").textContent = text;
    byId("train-status").className = isTrouble ? "trouble" : "";
  }

  #notKept(error) {
    this.#store = null;
    byId("train-kept").textContent = `The browser does not keep runs: ${error.message}. Download what you train before you leave.`;
  }

  async #tryToKeep(write) {
    if (!this.#store) return;
    try {
      await write();
    } catch (error) {
      this.#notKept(error);
    }
  }

  #showSettings() {
    const part = byId("train-part").value;
    byId("train-base-box").hidden = part === "scratch";
    for (const id of ["train-epochs-box", "train-rate-box", "train-batch-box"]) byId(id).hidden = part === "head";
    byId("train-generated-box").hidden = byId("train-data").value !== "generated";
  }

  /** Puts in what fits the part that is trained. */
  #suggest() {
    const part = byId("train-part").value;
    const base = this.#models.find(({ name }) => name === byId("train-base").value);
    const [rate, epochs] = BEGINNINGS[part] ?? BEGINNINGS.all;
    byId("train-rate").value = part === "all" && base?.parameters > LARGE ? "0.00005" : rate;
    byId("train-epochs").value = epochs;
  }

  #request() {
    const number = (id) => byId(id).valueAsNumber;
    const part = byId("train-part").value;
    const generated = byId("train-data").value === "generated";
    const rated = generated ? null : this.#records();
    if (!generated && !rated) {
      this.#say("There are no records to train on: load some and rate them in the mode Rate, or take generated ones.", true);
      return null;
    }
    return {
      base: part === "scratch" ? null : byId("train-base").value,
      data: generated ? { generated: number("train-generated"), seed: 0 } : rated,
      wish: { part, epochs: number("train-epochs"), learning_rate: number("train-rate"), batch_size: number("train-batch"), seed: number("train-seed") },
    };
  }

  async #begin() {
    const request = this.#request();
    if (!request) return;
    const base = request.base === null ? null : await this.#engine.files(request.base);
    await this.#tryToKeep(() => this.#store.begin(request, base));
    await this.#run(request);
  }

  /** Offers to go on with a run that was interrupted. */
  #offer({ request, base, state }) {
    const at = state ? `after step ${state.step}` : "before its first state was kept";
    byId("train-interrupted").replaceChildren(
      element("p", {}, `A run was interrupted ${at}.`),
      element("div", { class: "actions" },
        button("Go on", () => this.#resume(request, base, state), { class: "primary" }),
        button("Discard it", async () => {
          byId("train-interrupted").replaceChildren();
          await this.#tryToKeep(() => this.#store.end());
        })),
    );
  }

  async #resume(request, base, state) {
    byId("train-interrupted").replaceChildren();
    let from = request.base;
    if (from !== null) {
      // The model may have gone, or another may have its name.
      from = freeName(`${from} before`, this.#engine.names());
      await this.#engine.load(from, async () => Object.fromEntries(Object.entries(base).map(([name, bytes]) => [name, bytes.slice()])));
    }
    try {
      await this.#run({ ...request, base: from }, state);
    } finally {
      if (from !== null) await this.#engine.remove(from);
    }
  }

  async #run(request, state) {
    this.#setRunning(true);
    this.#curve = { losses: [], errors: [], steps: 0 };
    byId("train-result").replaceChildren();
    byId("train-log").hidden = false;
    this.#say("Reading the records …");
    const started = performance.now();
    try {
      const made = await this.#engine.train({ ...request, state: state?.files }, (events) => this.#hear(events), (kept) => this.#keep(kept));
      await this.#keeping;
      await this.#tryToKeep(() => this.#store.end());
      if (made) await this.#finish(request, made, (performance.now() - started) / 1000);
      else this.#say("Stopped before the first validation: nothing was made.");
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      await this.#keeping;
      // A run that its settings or data forbid fails again.
      await this.#tryToKeep(() => this.#store.end());
      this.#say(`Not trained: ${error.message}.`, true);
    } finally {
      this.#setRunning(false);
    }
  }

  #setRunning(running) {
    this.#running = running;
    byId("train-start").disabled = running;
    byId("train-stop").hidden = !running;
    byId("train-stop").disabled = false;
    byId("train-form").setAttribute("aria-busy", String(running));
  }

  #keep(state) {
    this.#keeping = this.#keeping.then(() => this.#tryToKeep(() => this.#store.keep(state)));
  }

  #hear(events) {
    const curve = this.#curve;
    for (const event of events) {
      if (event.kind === "start") curve.steps = event.steps;
      else if (event.kind === "step") curve.losses.push({ step: event.step, value: event.loss });
      else if (event.kind === "valid") {
        curve.errors.push({ step: event.step, value: event.mse });
        announce(`Validation after step ${event.step}: error ${figure(event.mse)}.`);
      } else if (event.kind === "counts") this.#showCounts(event.counts);
      else if (event.kind === "features") {
        this.#progress(event.done, event.all);
        this.#say(`Reading the records with the encoder: ${event.done} of ${event.all} batches`);
      } else if (event.kind === "resume") this.#say(`Going on after step ${event.step}`);
      else if (event.kind === "note") announce(event.note);
    }
    const last = curve.losses.at(-1);
    if (!last) return;
    this.#progress(last.step, curve.steps);
    if (byId("train-stop").disabled === false) this.#say(`Step ${last.step} of ${curve.steps}, loss ${figure(last.value)}`);
    drawCurve(byId("train-curve"), curve);
  }

  #progress(done, all) {
    byId("train-progress").max = Math.max(1, all);
    byId("train-progress").value = done;
  }

  #showCounts({ train, valid }) {
    const of = ({ examples, rated }) => `${examples} records (${rated} ratings)`;
    byId("train-counts").textContent = `${of(train)} to train on, ${of(valid)} to choose the best weights; no prompt is in both.`;
  }

  async #finish(request, { files, report }, seconds) {
    const kind = { scratch: "new", head: "head", adapters: "adapters", all: "trained" }[request.wish.part];
    const name = freeName(`${request.base === null ? "model" : request.base.replace(/ before(-\d+)?$/, "")}-${kind}`, this.#engine.names());
    const copy = async () => Object.fromEntries(Object.entries(files).map(([file, bytes]) => [file, bytes.slice()]));
    await this.#engine.load(name, copy);
    await this.#tryToKeep(() => this.#store.add(name, files));
    if (report.head) this.#showPenalties(report.head);
    byId("train-result").replaceChildren(this.#figures(report, name));
    const stopped = report.stopped ? "Stopped; the best weights so far are" : "Trained; the best weights are";
    this.#say(`${stopped} in the model ${visible(name)} (${seconds.toFixed(1)} s).`);
    await this.#changed(name);
  }

  #showPenalties({ aspects }) {
    const told = aspects.map(({ aspect, penalty, valid_mse }) => `${visible(aspect)}: penalty ${figure(penalty)}, error ${figure(valid_mse)} on the validation records`);
    byId("train-counts").textContent += ` ${told.join("; ")}.`;
  }

  /** The figures on held-out records, before and after, beside the trivial baselines. */
  #figures({ before, after }, name) {
    const tables = after.map(({ aspect, model, baselines }, k) => {
      const rows = [
        ...(before ? [["before", before[k].model]] : []),
        ["after", model],
        ...baselines.map((baseline) => [baseline.name, baseline]),
      ];
      const cells = rows.map(([label, { mse, spearman }]) =>
        element("tr", {}, element("th", { scope: "row" }, label), element("td", {}, figure(mse)), element("td", {}, figure(spearman))));
      const head = element("tr", {}, ...["scores", "mean squared error", "Spearman"].map((text) => element("th", { scope: "col" }, text)));
      const caption = element("caption", {}, after.length > 1 ? element("bdi", {}, visible(aspect)) : `On ${model.segments} segments that were held out`);
      return element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": `Figures of ${visible(aspect)}` },
        element("table", { class: "figures" }, caption, element("thead", {}, head), element("tbody", {}, ...cells)));
    });
    return element("section", { "aria-label": "Result" }, ...tables,
      element("div", { class: "actions" },
        button("Score with it", () => {
          byId("score-model").value = name;
          location.hash = "score";
        }),
        button("Download the bundle", () => document.querySelector(`#bundle-list [aria-label=${CSS.escape(`Download ${name}`)}]`).click())));
  }
}
