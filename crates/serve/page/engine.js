// What scores a record. The page knows an engine by two functions:
//
// - `info()` resolves to `{ version, models: [{ name, aspects, scales, segmenter, … }] }`; `aspects` is a list of
//   names, `scales` has `{ low, high }` or `null` by aspect. No model is listed while they are loaded.
// - `score(record, settings, signal)` resolves to `{ segments, scores, unscored, truncated, … }` with
//   `scores` by aspect, of each segment and of the response, `null` where there is none, and `flags` of each segment
//   by aspect, `doubtful` where the score is at most the threshold of the model. `record` is a native record, `settings` may have `model`, `segmenter`, `aggregation`, `raw` and `stride`. Positions count Unicode
//   characters.

import { DEFAULT_ASPECT } from "./ratings.js";

/** The server wants a key, or another one. */
export class KeyNeeded extends Error {
  name = "KeyNeeded";
}

/** The server refused a request, or could not be reached. */
export class EngineError extends Error {
  name = "EngineError";
}

/** The engine of the server that served the page. `key()` gives the bearer key, or `null`. */
export class HttpEngine {
  #key;
  /** The aspects of each model. */
  #aspects = new Map();

  constructor(key) {
    this.#key = key;
  }

  async info() {
    const info = await this.#request("info");
    this.#aspects = new Map(info.models.map(({ name, aspects }) => [name, aspects]));
    return info;
  }

  async score(record, settings, signal) {
    const given = Object.entries(settings).filter(([, value]) => value !== undefined && value !== null && value !== "");
    const answer = await this.#request("v1/score", { ...record, ...Object.fromEntries(given) }, signal);
    const [first] = this.#aspects.get(settings.model) ?? [DEFAULT_ASPECT];
    const segments = answer.segments.map((segment) => ({ ...segment, scores: scoresOf(segment, first), flags: flagsOf(segment, first) }));
    return { ...answer, scores: scoresOf(answer, first), segments };
  }

  async #request(path, body, signal) {
    const headers = {};
    const key = this.#key();
    if (key) headers.authorization = `Bearer ${key}`;
    if (body) headers["content-type"] = "application/json";
    let response;
    try {
      response = await fetch(path, { method: body ? "POST" : "GET", headers, signal, body: body && JSON.stringify(body) });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new EngineError("the server cannot be reached: is `gradus serve` running?");
    }
    const text = await response.text();
    if (response.status === 401) throw new KeyNeeded(key ? "the server refused the key" : "the server needs a key");
    if (!response.ok) throw new EngineError(messageOf(text) ?? `the server answered with status ${response.status}`);
    try {
      return JSON.parse(text);
    } catch {
      throw new EngineError("the server's answer is not JSON");
    }
  }
}

/** Scores by aspect; the server has a single `score` for a model with one aspect. */
const scoresOf = ({ score, scores }, aspect) => scores ?? Object.fromEntries([[aspect, score]]);

/** Flags by aspect; the server has a single text for a model with one aspect, and nothing where no aspect has one. */
const flagsOf = ({ flag }, aspect) => (typeof flag === "string" ? { [aspect]: flag } : (flag ?? {}));

/** The message of an error that the server answers with. */
function messageOf(text) {
  try {
    const answer = JSON.parse(text);
    return typeof answer.error.message === "string" ? [answer.error.message, answer.error.hint].filter(Boolean).join("; ") : null;
  } catch {
    // Not an answer of the server itself, but of something between.
    return null;
  }
}
