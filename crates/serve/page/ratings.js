// Ratings of one text, by aspect. A rating is `{ others, mine }`: the numbers of other raters where
// the record has a list, and the number that may be changed here, or `null`. Numbers are kept as
// they are written.

import { JsonNumber, RecordError, describe } from "./json.js";

/** The aspect of a rating that is a plain number. */
export const DEFAULT_ASPECT = "rating";

const wrong = (field, value, expected) => new RecordError(field, `found ${describe(value)}, expected ${expected}`);

/** Reads a number, a list of numbers, null, or a map of aspects to these. */
export function readRatings(value, field) {
  const ratings = {};
  if (value instanceof Map) {
    for (const [aspect, rating] of value) {
      const read = readRating(rating, `${field}.${aspect}`);
      if (read) setRating(ratings, aspect, read);
    }
    return ratings;
  }
  const read = readRating(value, field, "a number, a list of numbers, null or a map of aspects to these");
  if (read) setRating(ratings, DEFAULT_ASPECT, read);
  return ratings;
}

/** An aspect may have any name, `__proto__` too. */
export function setRating(ratings, aspect, rating) {
  Object.defineProperty(ratings, aspect, { value: rating, enumerable: true, configurable: true, writable: true });
}

export const ratingOf = (ratings, aspect) => (Object.hasOwn(ratings, aspect) ? ratings[aspect] : { others: [], mine: null });

/** Reads a number, a list of numbers, or null, which is no rating. */
export function readRating(value, field, expected = "a number, a list of numbers or null") {
  if (value === null || value === undefined) return null;
  if (value instanceof JsonNumber) return { others: [], mine: value.source };
  if (!Array.isArray(value)) throw wrong(field, value, expected);
  if (value.length === 0) throw new RecordError(field, "found an empty list, expected the number of at least one rater, or null");
  const others = value.map((number, k) => {
    if (!(number instanceof JsonNumber)) throw wrong(`${field}[${k}]`, number, "a number; leave out who did not rate");
    return number.source;
  });
  // One number in a list that infinity is the mean of is not finite.
  if (!Number.isFinite(mean(others))) throw new RecordError(field, "found raters whose mean is not finite");
  return { others, mine: null };
}

/** Reads `labels`: numbers, true, false or null. */
export function readLabel(value, field) {
  if (value === null) return {};
  if (!(value instanceof JsonNumber) && typeof value !== "boolean") throw wrong(field, value, "a number, true, false or null");
  const source = value instanceof JsonNumber ? value.source : value ? "1" : "0";
  return { [DEFAULT_ASPECT]: { others: [], mine: source } };
}

function mean(sources) {
  const numbers = sources.map(Number);
  if (numbers.every((number) => number === numbers[0])) return numbers[0];
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}

/** What the rating is worth: the mean of all raters; `null` if unrated. */
export function valueOf(rating) {
  const all = rating.mine === null ? rating.others : [...rating.others, rating.mine];
  return all.length ? mean(all) : null;
}

/** Whether two texts have the same ratings. */
export function sameRatings(a, b) {
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  return keys.every((aspect) => {
    const [x, y] = [ratingOf(a, aspect), ratingOf(b, aspect)];
    return x.mine === y.mine && x.others.length === y.others.length && x.others.every((source, k) => source === y.others[k]);
  });
}

function toJson({ others, mine }) {
  const numbers = (mine === null ? others : [...others, mine]).map((source) => new JsonNumber(source));
  if (others.length) return numbers;
  return numbers[0] ?? null;
}

/** Ratings as a record writes them; aspects that `before`, a map, names stay in their places. */
export function writeRatings(ratings, before) {
  const rated = Object.keys(ratings).filter((aspect) => valueOf(ratings[aspect]) !== null);
  if (!(before instanceof Map)) {
    if (rated.length === 0) return null;
    if (rated.length === 1 && rated[0] === DEFAULT_ASPECT) return toJson(ratings[DEFAULT_ASPECT]);
  }
  const map = new Map(before instanceof Map ? before : []);
  for (const aspect of map.keys()) if (!rated.includes(aspect)) map.set(aspect, null);
  for (const aspect of rated) map.set(aspect, toJson(ratings[aspect]));
  return map;
}
