// Keeps the run in work and the bundles that were trained (IndexedDB), so that both survive a reload.

const NAME = "gradus-runs";
const [RUN, TRAINED] = ["run", "trained"];

/** Nothing can be kept, and why. */
export class RunStoreError extends Error {
  name = "RunStoreError";
}

const settled = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(new RunStoreError(request.error?.message ?? "the browser's storage failed"));
  });

const finished = (transaction) =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    const fail = () => reject(new RunStoreError(transaction.error?.message ?? "the browser's storage failed"));
    transaction.onerror = fail;
    transaction.onabort = fail;
  });

export class RunStore {
  #database;

  static async open() {
    if (!globalThis.indexedDB) throw new RunStoreError("this browser has no storage for pages");
    let request;
    try {
      request = indexedDB.open(NAME, 1);
    } catch (error) {
      throw new RunStoreError(error.message);
    }
    request.onupgradeneeded = () => [RUN, TRAINED].forEach((name) => request.result.createObjectStore(name));
    const store = new RunStore();
    store.#database = await settled(request);
    return store;
  }

  async #write(name, change) {
    const transaction = this.#database.transaction(name, "readwrite");
    change(transaction.objectStore(name));
    await finished(transaction);
  }

  #read(name) {
    return this.#database.transaction(name).objectStore(name);
  }

  /** The run that has not ended: `{ request, base, state }`; `null` without one. */
  async run() {
    const store = this.#read(RUN);
    const [request, base, state] = await Promise.all(["request", "base", "state"].map((key) => settled(store.get(key))));
    return request ? { request, base, state } : null;
  }

  /** Keeps what a new run is asked for, with the files of the bundle that it begins with. */
  begin(request, base) {
    return this.#write(RUN, (store) => {
      store.clear();
      store.put(request, "request");
      if (base) store.put(base, "base");
    });
  }

  /** Keeps a state in the place of the one before. */
  keep(state) {
    return this.#write(RUN, (store) => store.put(state, "state"));
  }

  end() {
    return this.#write(RUN, (store) => store.clear());
  }

  /** The bundles that were trained: `[[name, files]]`. */
  async trained() {
    const store = this.#read(TRAINED);
    const [names, files] = await Promise.all([settled(store.getAllKeys()), settled(store.getAll())]);
    return names.map((name, k) => [name, files[k]]);
  }

  add(name, files) {
    return this.#write(TRAINED, (store) => store.put(files, name));
  }

  remove(name) {
    return this.#write(TRAINED, (store) => store.delete(name));
  }
}
