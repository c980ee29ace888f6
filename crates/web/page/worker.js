// The engine in a worker, on the device that the worker's name says: answers calls, and tells what a run does meanwhile.
//
// A message `{ id, call, args }` is answered by `{ id, result }` or `{ id, error }`. A run also sends
// `{ events }`, and `{ state: { step, files } }` whenever it could go on from there. `{ failed }` says why the module has
// ended.

const MODULES = { cpu: "gradus_web", webgpu: "gradus_webgpu" };

const models = new Map();
/** The module of the device, once it is loaded. */
let gradus;
/** Whether the run in work was asked to stop; `null` without one. */
let stopping = null;

async function load(name) {
  gradus = await import(`./${name}.js`);
  await gradus.default({ module_or_path: new URL(`${name}_bg.wasm`, import.meta.url) });
  await gradus.startDevice();
}

const loaded = load(MODULES[self.name]);
// Every call waits for it, and says why where it fails.
loaded.catch(() => {});

function packed(files) {
  const made = new gradus.Files();
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
  return generated ? gradus.Records.generated(generated, seed) : gradus.Records.read(new TextEncoder().encode(lines), name);
}

const calls = {
  info: () => ({ version: gradus.version(), models: Array.from(models.values(), (model) => JSON.parse(model.info())) }),
  load({ name, files }) {
    const model = gradus.Model.load(name, packed(files));
    models.get(name)?.free();
    models.set(name, model);
  },
  remove({ name }) {
    models.get(name)?.free();
    models.delete(name);
  },
  score: async ({ record, settings, model }) => JSON.parse(await modelOf(model).score(JSON.stringify(record), JSON.stringify(settings))),
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
      const run = new gradus.Run(base === null ? undefined : modelOf(base).share(), records, JSON.stringify(wish));
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
    return gradus.panicMessage();
  } catch {
    return undefined;
  }
}

// A trap while the module waits for the device comes here.
addEventListener("error", (event) => {
  event.preventDefault();
  postMessage({ failed: saidBefore() ?? event.message });
});

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
