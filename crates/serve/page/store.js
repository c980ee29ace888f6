// Keeps the rating session in the browser (IndexedDB), so that it survives a reload. Each change is
// written at once, and only what changed.

const NAME = "gradus-rating";
const STORES = ["meta", "records", "states", "history"];
/** Records in one entry of the store: few large entries load faster than many small ones. */
const CHUNK = 500;

/** The session cannot be kept, and why. */
export class StoreError extends Error {
  name = "StoreError";
}

const settled = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(new StoreError(request.error?.message ?? "the browser's storage failed"));
  });

const finished = (transaction) =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    const fail = () => reject(transaction.gradusError ?? new StoreError(transaction.error?.message ?? "the browser's storage failed"));
    transaction.onerror = fail;
    transaction.onabort = fail;
  });

export class Store {
  #database;
  /** Marks what this tab has written; another tab that opens the session takes it over. */
  #owner = `${Date.now()}-${Math.random()}`;

  static async open() {
    if (!globalThis.indexedDB) throw new StoreError("this browser has no storage for pages");
    let request;
    try {
      request = indexedDB.open(NAME, 1);
    } catch (error) {
      throw new StoreError(error.message);
    }
    request.onupgradeneeded = () => STORES.forEach((name) => request.result.createObjectStore(name));
    const store = new Store();
    store.#database = await settled(request);
    return store;
  }

  /** What is kept: `{ meta, records: [[line, raw]], states, history }`; `null` without a session. */
  async load() {
    const transaction = this.#database.transaction(STORES, "readwrite");
    const store = (name) => transaction.objectStore(name);
    const meta = await settled(store("meta").get("session"));
    if (!meta) return null;
    store("meta").put(this.#owner, "owner");
    const [chunks, states, places, history] = await Promise.all([
      settled(store("records").getAll()),
      settled(store("states").getAll()),
      settled(store("states").getAllKeys()),
      settled(store("history").getAll()),
    ]);
    await finished(transaction);
    return { meta, records: chunks.flat(), states: places.map((place, k) => [place, states[k]]), history };
  }

  /** Puts a new session in the place of the one that was kept. */
  async begin(meta, records) {
    const transaction = this.#database.transaction(STORES, "readwrite");
    for (const name of STORES) transaction.objectStore(name).clear();
    transaction.objectStore("meta").put(this.#owner, "owner");
    transaction.objectStore("meta").put(meta, "session");
    putChunks(transaction, records, 0);
    await finished(transaction);
  }

  /** Keeps a change: `states` as `[record, state or null]`, `added` to the history, all `records` where some were added. */
  async save(meta, { states = [], added, records }) {
    const transaction = this.#database.transaction(STORES, "readwrite");
    const check = transaction.objectStore("meta").get("owner");
    check.onsuccess = () => {
      if (check.result !== this.#owner) {
        transaction.gradusError = new StoreError("this session was opened in another tab, which keeps it now; reload this one to go on here");
        transaction.abort();
        return;
      }
      transaction.objectStore("meta").put(meta, "session");
      const store = transaction.objectStore("states");
      for (const [place, state] of states) {
        if (state) store.put(state, place);
        else store.delete(place);
      }
      if (added) {
        transaction.objectStore("history").delete(IDBKeyRange.lowerBound(added.seq));
        transaction.objectStore("history").put(added.entry, added.seq);
      }
      if (records) putChunks(transaction, records, 0);
    };
    await finished(transaction);
  }

  async clear() {
    const transaction = this.#database.transaction(STORES, "readwrite");
    for (const name of STORES) transaction.objectStore(name).clear();
    await finished(transaction);
  }
}

function putChunks(transaction, records, from) {
  const store = transaction.objectStore("records");
  for (let at = from; at < records.length; at += CHUNK) {
    store.put(records.slice(at, at + CHUNK).map(({ line, raw }) => [line, raw]), at / CHUNK);
  }
}
