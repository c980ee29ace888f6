// The engine in a worker: answers calls one by one, and tells what a run does meanwhile.
//
// A message `{ id, call, args }` is answered by `{ id, result }` or `{ id, error }`. A run also sends
// `{ events }`, and `{ state: { step, files } }` whenever it could go on from there.

import init, { Files, Model, Records, Run, panicMessage, version } from "./gradus_web.js";

const models = new Map();
/** Whether the run in work was asked to stop; `null` without one. */
let stopping = null;

const loaded = init({ module_or_path: new URL("gradus_web_bg.wasm", import.meta.url) });
// Every call waits for it, and says why where it fails.
loaded.catch(() => {});

function packed(files) {
  const made = new Files();
  for (const [name, bytes] of Object.entries(files)) made.add(name, bytes);
  return made;
}

function unpacked(files) {
  const made = {};
  for (const name of files.names()) made[name] = files.take(name);
  files.free();
  return made;
}

const buffersOf = (files) => Object.values(files).map(({ buffer }) => buffer);

/** Ends this task, so that the messages that wait are read. */
function nextTask() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

const host = {
  events: (json) => postMessage({ events: JSON.parse(json) }),
  keep(step, state) {
    const files = unpacked(state);
    postMessage({ state: { step, files } }, buffersOf(files));
  },
  async breathe() {
    await nextTask();
    return !stopping;
  },
};

function modelOf(name) {
  const model = models.get(name);
  if (!model) throw new Error(`no model is called ${JSON.stringify(name)}`);
  return model;
}

function recordsOf({ lines, name, generated, seed }) {
  return generated ? Records.generated(generated, seed) : Records.read(new TextEncoder().encode(lines), name);
}

const calls = {
  info: () => ({ version: version(), models: Array.from(models.values(), (model) => JSON.parse(model.info())) }),
  load({ name, files }) {
    const model = Model.load(name, packed(files));
    models.get(name)?.free();
    models.set(name, model);
  },
  remove({ name }) {
    models.get(name)?.free();
    models.delete(name);
  },
  score: ({ record, settings, model }) => JSON.parse(modelOf(model).score(JSON.stringify(record), JSON.stringify(settings))),
  counts(data) {
    const records = recordsOf(data);
    try {
      return JSON.parse(records.counts());
    } finally {
      records.free();
    }
  },
  stop() {
    if (stopping !== null) stopping = true;
  },
  async train({ base, data, wish, state }) {
    if (stopping !== null) throw new Error("a run is in work already");
    stopping = false;
    const records = recordsOf(data);
    try {
      const run = new Run(base === null ? undefined : modelOf(base).share(), records, JSON.stringify(wish));
      if (state) run.goOnFrom(packed(state));
      const trained = await run.start(host);
      if (!trained) return null;
      const made = { report: JSON.parse(trained.report()), files: unpacked(trained.files()) };
      trained.free();
      return made;
    } finally {
      stopping = null;
      records.free();
    }
  },
};

/** What the module said before it trapped. */
function saidBefore() {
  try {
    return panicMessage();
  } catch {
    return undefined;
  }
}

onmessage = async ({ data: { id, call, args } }) => {
  try {
    await loaded;
    const result = await calls[call](args);
    postMessage({ id, result }, result?.files ? buffersOf(result.files) : []);
  } catch (error) {
    // After a trap of the module its memory is in no state to go on.
    const broken = error instanceof WebAssembly.RuntimeError || error instanceof RangeError;
    postMessage({ id, error: (broken && saidBefore()) || (error?.message ?? String(error)), broken });
  }
};
