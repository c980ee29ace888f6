// The engine that computes in the page itself, in a worker. To the modes it is what engine.js describes; besides, it
// loads bundles and trains.

import { EngineError } from "./engine.js";

export class WorkerEngine {
  /** What it computes on: `cpu` or `webgpu`. */
  device = "cpu";
  /** Called with the reason where it has to go on with the CPU. */
  onFallback = () => {};
  #worker = null;
  #calls = new Map();
  #next = 0;
  /** By the name of each model what gives its files: `() => Promise<{ name: Uint8Array }>`. */
  #sources = new Map();
  #run = null;
  #changing = false;
  /** Ends when the models of a worker that failed are in the next one. */
  #repaired = Promise.resolve();

  constructor() {
    this.#start();
  }

  #start() {
    const worker = new Worker("worker.js", { type: "module", name: this.device });
    worker.onmessage = ({ data }) => this.#hear(worker, data);
    worker.onerror = (event) => {
      event.preventDefault?.();
      this.#fail(worker, event.message || "the worker could not be started");
    };
    this.#worker = worker;
  }

  #hear(worker, { id, result, error, broken, events, state, failed }) {
    if (worker !== this.#worker) return;
    if (failed) {
      this.#fail(worker, failed);
      return;
    }
    if (events) this.#run?.onEvents(events);
    if (state) this.#run?.onState(state);
    const call = this.#calls.get(id);
    if (!call) return;
    this.#calls.delete(id);
    if (error === undefined) call.resolve(result);
    else if (broken) {
      call.reject(new EngineError(`the engine failed, perhaps because memory ran out: ${error}; it was started anew`));
      this.#fail(worker, error);
    } else call.reject(new EngineError(error));
  }

  /** Puts a new worker in the place of one that failed, with the same models: on the CPU, whatever it was on. */
  #fail(worker, reason) {
    if (worker !== this.#worker) return;
    const before = this.device;
    this.#replace("cpu", `the engine failed (${reason})`);
    // A change that fails loads the models itself.
    if (this.#changing) return;
    this.#repaired = this.#reload();
    if (before !== "cpu") this.onFallback(reason);
  }

  /** Ends the worker and starts one on `device`, without models. */
  #replace(device, reason) {
    this.#worker.terminate();
    for (const { reject } of this.#calls.values()) reject(new EngineError(reason));
    this.#calls.clear();
    this.device = device;
    this.#start();
  }

  /**
   * Computes on `device` from now on, with the same models. Rejects where that cannot be, for example because a model is too
   * large for it; then it goes on with the CPU.
   */
  async compute(device) {
    await this.#repaired;
    if (device === this.device) return;
    if (this.#run) throw new EngineError("a run is in work; stop it first");
    this.#changing = true;
    const change = this.#change(device);
    this.#repaired = change.catch(() => {});
    await change;
  }

  async #change(device) {
    this.#replace(device, "the device was changed");
    const started = this.#worker;
    try {
      await this.#call("info");
      for (const [name, files] of this.#sources) await this.#call("load", { name, files: await files() });
    } catch (error) {
      if (started === this.#worker) this.#replace("cpu", "the device was changed back");
      await this.#reload();
      throw error;
    } finally {
      this.#changing = false;
    }
  }

  async #reload() {
    for (const [name, files] of this.#sources) {
      try {
        await this.#call("load", { name, files: await files() });
      } catch {
        // A model that cannot be loaded again is no longer listed.
        this.#sources.delete(name);
      }
    }
  }

  #call(call, args = {}) {
    const id = this.#next;
    this.#next += 1;
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve, reject });
      this.#worker.postMessage({ id, call, args });
    });
  }

  async info() {
    await this.#repaired;
    return this.#call("info");
  }

  async score(record, { model, ...settings }, signal) {
    await this.#repaired;
    signal?.throwIfAborted();
    const answer = await this.#call("score", { record, model, settings });
    signal?.throwIfAborted();
    return answer;
  }

  /** Loads a bundle. `files` gives its files, now and whenever they are needed again. */
  async load(name, files) {
    await this.#repaired;
    await this.#call("load", { name, files: await files() });
    this.#sources.set(name, files);
  }

  async remove(name) {
    this.#sources.delete(name);
    await this.#call("remove", { name });
  }

  names() {
    return [...this.#sources.keys()];
  }

  /** The files of a loaded bundle. */
  files(name) {
    return this.#sources.get(name)();
  }

  /** How many records and ratings there are: `{ records, rated, segments }`. */
  async counts(data) {
    await this.#repaired;
    return this.#call("counts", data);
  }

  /**
   * Trains: `{ base, data, wish, state }` as the worker takes them. `onEvents` hears of what happens, `onState` of states
   * to go on from. Resolves to `{ files, report }`, `null` where the run was stopped before its first validation.
   */
  async train(request, onEvents, onState) {
    await this.#repaired;
    this.#run = { onEvents, onState };
    try {
      return await this.#call("train", request);
    } finally {
      this.#run = null;
    }
  }

  /** Asks the run to stop. */
  stop() {
    return this.#call("stop");
  }
}
