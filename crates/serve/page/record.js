// One native record of docs/data-format.md, in any of its four shapes, read as strictly as the
// command line reads it.

import { JsonNumber, RecordError, describe, parseJson } from "./json.js";
import { readLabel, readRating, readRatings, setRating } from "./ratings.js";
import { checkTexts } from "./span-text.js";
import { Characters, endsWithSpace, startsWithSpace } from "./text.js";

const RECORD_KEYS = ["id", "prompt", "context", "response", "rating", "segments", "meta", "ratings", "completions", "labels"];
const SEGMENT_KEYS = ["start", "end", "rating", "weight"];
/** Keys that every written record or segment has, whether or not they were read. */
const ALWAYS_WRITTEN = ["id", "segments", "start", "end", "rating"];
const SHAPES =
  "a record has response and segments with spans and a rating each, or segments as texts and ratings, or completions and labels";
const WHOLE = "a whole number of characters, 0 or more";

const wrong = (field, value, expected) => new RecordError(field, `found ${describe(value)}, expected ${expected}`);
const missing = (field, expected) => new RecordError(field, `missing, expected ${expected}`);
const textOf = (value, field) => {
  if (typeof value !== "string") throw wrong(field, value, "a text");
  return value;
};
const listOf = (value, field) => {
  if (!Array.isArray(value)) throw wrong(field, value, "a list");
  return value;
};

/**
 * Reads one line.
 *
 * Returns `{ raw, line, tree, id, namesId, prompt, context, response, characters, cut, ratings, segments }`:
 * `tree` is the JSON, `cut` tells that the segments came as texts, `ratings` are those of the response, and a
 * segment is `{ start, end, ratings, tree }`, in characters.
 */
export function readRecord(raw, line) {
  const tree = parseJson(raw);
  if (!(tree instanceof Map)) throw new RecordError("", `found ${describe(tree)}, expected a JSON object`);
  refuseVariants(tree, "", RECORD_KEYS);
  const id = idOf(tree.get("id") ?? null);
  if (!tree.has("prompt")) throw missing("prompt", "a text");
  const prompt = textOf(tree.get("prompt"), "prompt");
  const context = tree.get("context") ?? null;
  if (context !== null) textOf(context, "context");
  const meta = tree.get("meta") ?? null;
  if (meta !== null && !(meta instanceof Map)) throw wrong("meta", meta, "an object");
  const ratings = readRatings(tree.get("rating"), "rating");
  const body = readBody(tree);
  const characters = new Characters(body.response);
  checkSpans(characters, body);
  checkTexts(body.response, characters, body.segments);
  return { raw, line, tree, id: id ?? String(line), namesId: id !== null, prompt, context, ratings, characters, ...body };
}

function idOf(id) {
  if (id === null || typeof id === "string") return id;
  // A whole number counts as a text of its digits; `-0` is no whole number to Gradus.
  if (id instanceof JsonNumber && /^-?\d+$/.test(id.source) && id.source !== "-0" && fits64(id.source)) return id.source;
  throw wrong("id", id, "a text or a whole number");
}

function fits64(source) {
  const whole = BigInt(source);
  return whole >= -(2n ** 63n) && whole < 2n ** 64n;
}

/** A key as it is compared: case, blanks, hyphens and underscores do not count. */
const fold = (key) => key.replace(/[\p{White_Space}_-]/gu, "").toLowerCase();

function refuseVariants(object, place, known) {
  for (const key of object.keys()) {
    const folded = fold(key);
    if (known.includes(key) || !known.includes(folded)) continue;
    const field = place ? `${place}.${key}` : key;
    if (object.has(folded)) throw new RecordError(field, `found beside ${folded}, which means the same, expected only one of the two`);
    if (ALWAYS_WRITTEN.includes(folded) && (folded !== "rating" || place)) throw new RecordError(field, `not read, expected ${folded}`);
  }
}

/** The response and its segments, from whichever keys of the four shapes are there. */
function readBody(tree) {
  const [response, segments, ratings, completions, labels] = ["response", "segments", "ratings", "completions", "labels"].map(
    (key) => tree.get(key) ?? null,
  );
  const refuseBeside = (other, fields) => {
    for (const [field, value] of fields) {
      if (value !== null) throw new RecordError(field, `found beside ${other}, expected only one of the two; ${SHAPES}`);
    }
  };
  if (completions !== null) {
    refuseBeside("completions", [["response", response], ["segments", segments], ["ratings", ratings]]);
    const texts = listOf(completions, "completions");
    return joined(texts, "completions", labels === null ? [] : labelRatings(labels, texts.length));
  }
  if (labels !== null) throw new RecordError("labels", `found without completions, expected both; ${SHAPES}`);
  if (segments === null && ratings !== null) throw new RecordError("ratings", `found without segments, expected both; ${SHAPES}`);
  const list = segments === null ? [] : listOf(segments, "segments");
  if (typeof list[0] === "string") {
    if (response !== null) throw wrong("segments[0]", list[0], "an object with start and end, since there is a response");
    return joined(list, "segments", ratings === null ? [] : listRatings(ratings, list.length));
  }
  if (response === null) throw missing("response", `a text, or the texts of its segments in segments; ${SHAPES}`);
  refuseBeside("response", [["ratings", ratings]]);
  return { response: textOf(response, "response"), segments: list.map(readSegment), cut: false };
}

function labelRatings(labels, count) {
  checkCount("labels", listOf(labels, "labels").length, count);
  return labels.map((label, k) => readLabel(label, `labels[${k}]`));
}

function listRatings(ratings, count) {
  if (Array.isArray(ratings)) {
    checkCount("ratings", ratings.length, count);
    return ratings.map((rating, k) => readRatings(rating, `ratings[${k}]`));
  }
  if (!(ratings instanceof Map)) throw wrong("ratings", ratings, "a list, or a map of aspects to lists");
  const rows = Array.from({ length: count }, () => ({}));
  for (const [aspect, list] of ratings) {
    const field = `ratings.${aspect}`;
    checkCount(field, listOf(list, field).length, count);
    list.forEach((value, k) => {
      const rating = readRating(value, `${field}[${k}]`);
      if (rating) setRating(rows[k], aspect, rating);
    });
  }
  return rows;
}

function checkCount(field, ratings, segments) {
  if (ratings === segments) return;
  throw new RecordError(field, `found ${ratings} rating(s) for ${segments} segment(s), expected as many ratings as segments`);
}

/** Segments that come as texts: joined with a newline between two of them unless one has white space there. */
function joined(texts, field, ratings) {
  let response = "";
  let length = 0;
  const segments = texts.map((value, k) => {
    const text = textOf(value, `${field}[${k}]`);
    if (text === "") throw new RecordError(`${field}[${k}]`, "found an empty text, expected at least one character");
    if (response !== "" && !endsWithSpace(response) && !startsWithSpace(text)) {
      response += "\n";
      length += 1;
    }
    const start = length;
    response += text;
    length += new Characters(text).length;
    return { start, end: length, ratings: ratings[k] ?? {}, tree: new Map() };
  });
  return { response, segments, cut: true };
}

function readSegment(tree, k) {
  const field = `segments[${k}]`;
  if (!(tree instanceof Map)) throw wrong(field, tree, "an object with start and end");
  refuseVariants(tree, field, SEGMENT_KEYS);
  const [start, end] = ["start", "end"].map((key) => {
    if (!tree.has(key)) throw missing(`${field}.${key}`, WHOLE);
    const value = tree.get(key);
    if (!(value instanceof JsonNumber) || !/^\d+$/.test(value.source) || !fits64(value.source)) throw wrong(`${field}.${key}`, value, WHOLE);
    return value.value;
  });
  const ratings = readRatings(tree.get("rating"), `${field}.rating`);
  if (tree.has("ratings")) {
    throw wrong(`${field}.ratings`, tree.get("ratings"), "no such key in a segment: the numbers of several raters are a list in rating");
  }
  const weight = tree.get("weight") ?? null;
  if (weight !== null && !(weight instanceof JsonNumber && weight.value >= 0)) throw wrong(`${field}.weight`, weight, "a finite number, 0 or more");
  return { start, end, ratings, tree };
}

function checkSpans(characters, { segments }) {
  let before = null;
  segments.forEach(({ start, end }, k) => {
    const fail = (field, problem) => {
      throw new RecordError(`segments[${k}]${field}`, problem);
    };
    if (start > end) fail("", `found the backwards span ${start}..${end}, expected the start before the end`);
    if (end > characters.length) {
      fail(".end", `found character ${end}, past the end of the response, expected at most ${characters.length}, its length in Unicode characters`);
    }
    if (start === end) fail("", `found the empty span ${start}..${start}, expected at least one character`);
    if (before && start < before.end) {
      const span = `${before.start}..${before.end}`;
      if (end <= before.start) fail("", `found ${start}..${end} after ${span}, expected segments in the order of the text`);
      fail("", `found ${start}..${end}, which overlaps segment ${k - 1} at ${span}, expected spans that share no character`);
    }
    before = { start, end };
  });
}
