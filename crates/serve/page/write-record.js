// A record as a line of JSON. What was not changed comes back as it was read, to the byte.

import { initialState, sameState } from "./edits.js";
import { JsonNumber, writeJson } from "./json.js";
import { sameRatings, writeRatings } from "./ratings.js";
import { OTHER_NAMES } from "./span-text.js";
import { visibleJson } from "./text.js";

/** What scoring wrote about a segment's text and place; it says nothing about another text. */
const SCORING_KEYS = ["score", "scores", "unscored", "cut", "flag", "low", "high", "start_utf16", "end_utf16", "start_bytes", "end_bytes"];

/**
 * The line for `record` in `state`, or as it was read for `null`. `line` is where it will stand: a record without an
 * id is called by its line, so it is given its old one where that changes.
 */
export function writeRecord(record, state, line) {
  const moved = !record.namesId && record.line !== line;
  const unchanged = !state || sameState(state, initialState(record));
  if (unchanged && !moved) return record.raw;
  let tree = unchanged ? record.tree : changed(record, state);
  if (moved) tree = new Map([["id", record.id], ...[...tree].filter(([key]) => key !== "id")]);
  return visibleJson(writeJson(tree));
}

function changed(record, state) {
  const { tree } = record;
  const segments = state.segments.map((segment) => writeSegment(record, segment));
  const rating = sameRatings(state.ratings, record.ratings) ? undefined : writeRatings(state.ratings, tree.get("rating"));
  const written = new Map();
  // Segments that came as texts become spans, beside the response that they are joined to.
  const dropped = record.cut ? ["response", "segments", "ratings", "completions", "labels"] : [];
  const body = () => {
    if (record.cut) written.set("response", record.response);
    if (rating !== undefined && !tree.has("rating")) written.set("rating", rating);
    written.set("segments", segments);
  };
  const place = record.cut ? ["segments", "completions"].find((key) => (tree.get(key) ?? null) !== null) : tree.has("segments") ? "segments" : "response";
  for (const [key, value] of tree) {
    if (key === "rating" && rating !== undefined) written.set(key, rating);
    else if (!dropped.includes(key) && key !== "segments") written.set(key, value);
    if (key === place) body();
  }
  return written;
}

function writeSegment(record, { start, end, of, ratings }) {
  const sources = of.map((k) => record.segments[k]);
  const [first] = sources;
  const isWhole = sources.length === 1 && first.start === start && first.end === end;
  if (isWhole && sameRatings(ratings, first.ratings) && first.tree.has("start")) return first.tree;
  const written = new Map([
    ["start", new JsonNumber(String(start))],
    ["end", new JsonNumber(String(end))],
    ["rating", writeRatings(ratings, isWhole ? first.tree.get("rating") : undefined)],
  ]);
  const text = record.characters.slice(start, end);
  for (const source of sources) {
    const covered = record.characters.slice(source.start, source.end);
    for (const [key, value] of source.tree) {
      if (written.has(key) || (!isWhole && SCORING_KEYS.includes(key))) continue;
      const repeatsText = (key === "text" || OTHER_NAMES.includes(key)) && value === covered;
      written.set(key, repeatsText ? text : value);
    }
  }
  return written;
}
