// A rating session: records, what was changed in them, and the steps that undo it. It knows no page
// and no storage; `onChange` hears of everything that has to be kept.

import { RESPONSE, initialState, ratingsAt, sameState } from "./edits.js";
import { ratingOf, valueOf } from "./ratings.js";
import { scaleFor } from "./scale.js";
import { writeRecord } from "./write-record.js";

export class Session {
  #states = new Map();
  #rated = new Map();
  #history = [];
  #done = 0;

  /** `kept` has what an earlier session left: `states`, `history`, `done`, `position`, `aspects`, `settings`. */
  constructor(name, records, refused, kept = {}) {
    this.name = name;
    this.records = records;
    this.refused = refused;
    this.position = kept.position ?? { record: 0, segment: 0, aspect: 0 };
    this.aspects = kept.aspects ?? aspectsOf(records);
    this.settings = kept.settings ?? { goOn: true };
    this.#states = new Map(kept.states ?? []);
    this.#history = kept.history ?? [];
    this.#done = kept.done ?? this.#history.length;
    this.onChange = () => {};
  }

  state(place) {
    return this.#states.get(place) ?? initialState(this.records[place]);
  }

  get canUndo() {
    return this.#done > 0;
  }

  get canRedo() {
    return this.#done < this.#history.length;
  }

  get done() {
    return this.#done;
  }

  /** Puts records into new states: `changes` has `[record, state]`. Returns whether that changed anything. */
  apply(what, changes) {
    const entry = { what, position: { ...this.position }, changes: [] };
    for (const [place, after] of changes) {
      const before = this.#states.get(place) ?? null;
      const initial = initialState(this.records[place]);
      if (sameState(after, before ?? initial)) continue;
      entry.changes.push({ record: place, before, after: sameState(after, initial) ? null : after });
    }
    if (!entry.changes.length) return false;
    this.#history.length = this.#done;
    this.#history.push(entry);
    this.#done += 1;
    this.#put(entry.changes, "after", { entry, seq: this.#done - 1 });
    return true;
  }

  /** Takes the last change back and goes to where it was made. Returns what it was, `null` for none. */
  undo() {
    if (!this.canUndo) return null;
    this.#done -= 1;
    return this.#step("before", this.#history[this.#done]);
  }

  redo() {
    if (!this.canRedo) return null;
    this.#done += 1;
    return this.#step("after", this.#history[this.#done - 1]);
  }

  #step(side, entry) {
    this.position = { ...entry.position };
    this.#put(entry.changes, side);
    return entry.what;
  }

  #put(changes, side, added) {
    const states = changes.map((change) => [change.record, change[side]]);
    for (const [place, state] of states) {
      if (state) this.#states.set(place, state);
      else this.#states.delete(place);
      this.#rated.delete(place);
    }
    this.onChange({ states, added });
  }

  /** Adds records behind the others. */
  add(records) {
    this.records.push(...records);
    for (const aspect of aspectsOf(records, false)) {
      if (!this.aspects.some(({ name }) => name === aspect.name)) this.aspects.push(aspect);
    }
    this.onChange({ records });
  }

  goTo(record, segment = 0, aspect = 0) {
    this.position = { record, segment, aspect };
    this.onChange({});
  }

  /** Whether a segment, or the response, has a rating on every aspect. */
  isRated(state, place) {
    const ratings = ratingsAt(state, place);
    return this.aspects.every(({ name }) => valueOf(ratingOf(ratings, name)) !== null);
  }

  /** `{ segments, rated, uncut }` of one record. */
  #count(place) {
    let count = this.#rated.get(place);
    if (!count) {
      const state = this.state(place);
      const rated = state.segments.filter((_, k) => this.isRated(state, k)).length;
      count = { segments: state.segments.length, rated, uncut: state.segments.length === 0 && this.records[place].response.trim() !== "" ? 1 : 0 };
      this.#rated.set(place, count);
    }
    return count;
  }

  /** Segments, those rated on every aspect, and responses that are not cut into segments. */
  progress() {
    const sum = { segments: 0, rated: 0, uncut: 0 };
    for (let place = 0; place < this.records.length; place += 1) {
      const count = this.#count(place);
      for (const key of Object.keys(sum)) sum[key] += count[key];
    }
    return sum;
  }

  recordProgress(place) {
    return this.#count(place);
  }

  /** The next segment without a rating behind `from`, from the start again at the end; `null` for none. */
  nextUnrated({ record, segment }) {
    const { length } = this.records;
    for (let step = 0; step <= length; step += 1) {
      const place = (record + step) % length;
      const count = this.#count(place);
      if (count.rated === count.segments) continue;
      const state = this.state(place);
      const found = state.segments.findIndex((_, k) => (step > 0 || k > segment) && !this.isRated(state, k));
      if (found >= 0) return { record: place, segment: found };
    }
    return null;
  }

  /** Changes the aspects; which segments count as rated changes with them. */
  setAspects(aspects) {
    this.aspects = aspects;
    this.#rated.clear();
    this.position = { ...this.position, aspect: Math.min(this.position.aspect, aspects.length - 1) };
    this.onChange({});
  }

  set(name, value) {
    this.settings = { ...this.settings, [name]: value };
    this.onChange({});
  }

  /** Every record as a line of JSON; lines that were not changed are as they were read. */
  *lines() {
    for (let place = 0; place < this.records.length; place += 1) {
      yield `${writeRecord(this.records[place], this.#states.get(place) ?? null, place + 1)}\n`;
    }
  }

  /** Records that differ from what was read. */
  get changed() {
    return this.#states.size;
  }
}

/** The aspects of the ratings in records, in the order they are met, each with the scale that fits; `rating` without any. */
function aspectsOf(records, needsOne = true) {
  const values = new Map();
  for (const record of records) {
    const initial = initialState(record);
    for (let place = RESPONSE; place < initial.segments.length; place += 1) {
      const ratings = ratingsAt(initial, place);
      for (const name of Object.keys(ratings)) {
        if (!values.has(name)) values.set(name, new Set());
        values.get(name).add(valueOf(ratings[name]));
      }
    }
  }
  if (values.size === 0 && needsOne) values.set("rating", new Set());
  return Array.from(values, ([name, found]) => ({ name, ...scaleFor([...found]) }));
}
