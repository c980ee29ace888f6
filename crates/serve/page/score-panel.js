// What one model says about a response: the text in the colors of its scores, and the numbers.

import { element } from "./dom.js";
import { STEPS, colorStep, decimals, formatted } from "./scale.js";
import { Characters, labelOf, trailingSpace, visible } from "./text.js";

const REASONS = {
  truncated: "truncated, because the text was too long for the model",
  no_tokens: "the tokenizer left no token",
  empty: "the response is empty",
  no_segments: "the segmenter found no segment",
};

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
const scoreOf = (scored, aspect) => (Object.hasOwn(scored.scores, aspect) ? scored.scores[aspect] : null);

const isDoubtful = (scored, aspect) => Object.hasOwn(scored.flags, aspect);

/** The ends of the color scale: those of the model's rating scale, widened where scores lie outside. */
export function scoreRange(results, aspect) {
  const scores = results.flatMap(({ answer }) => answer.segments.map((segment) => scoreOf(segment, aspect))).filter(isNumber);
  const scales = results.map(({ model }) => scaleOf(model, aspect)).filter(Boolean);
  const lows = scales.map(({ low }) => low);
  const highs = scales.map(({ high }) => high);
  if (scales.length === 0) return { low: Math.min(0, ...scores), high: Math.max(1, ...scores) };
  return { low: Math.min(...lows), high: Math.max(...highs) };
}

/** The rating scale of an aspect; `null` where the model does not know it. */
const scaleOf = ({ scales }, aspect) => (Object.hasOwn(scales, aspect) ? scales[aspect] : null);

/** The panel of one model, in the colors of `wanted`, or of its first aspect where it does not have that one. */
export function panel(record, result, wanted, wantedRange) {
  const { model, answer } = result;
  const has = model.aspects.includes(wanted);
  const aspect = has ? wanted : model.aspects[0];
  const range = has ? wantedRange : scoreRange([result], aspect);
  const places = decimals(range);
  const title = element("h3", {}, element("bdi", {}, visible(model.name)));
  const notes = [...truncationNotes(answer), ...doubtNotes(model, answer)];
  return element(
    "article",
    { class: "response", "aria-label": `Scores of ${visible(model.name)}` },
    element("header", {}, title, ...facts(model)),
    responseScores(model, answer, places),
    legend(range, places, has ? null : aspect, answer.segments.some((segment) => isDoubtful(segment, aspect))),
    coloredText(record.response, answer, aspect, range, places),
    notes.length ? element("ul", { class: "reading" }, ...notes.map((note) => element("li", { class: "bad" }, note))) : null,
    numbers(record.response, model, answer, places),
  );
}

function facts({ segmenter, digest }) {
  return [
    element("span", {}, "segments: ", element("bdi", {}, visible(segmenter))),
    element("span", { class: "digest", title: `SHA-256 of the manifest: ${digest}` }, digest.slice(0, 12)),
  ];
}

function responseScores(model, answer, places) {
  const tiles = model.aspects.map((name) =>
    element(
      "div",
      { class: "tile" },
      element("div", { class: "name" }, model.aspects.length > 1 ? element("bdi", {}, visible(name)) : "response score"),
      element("div", { class: "value" }, formatted(scoreOf(answer, name), places)),
    ),
  );
  const why = answer.unscored ? element("p", { class: "note" }, `No response score: ${REASONS[answer.unscored] ?? answer.unscored}.`) : "";
  return element("div", {}, element("div", { class: "tiles" }, ...tiles), why);
}

/** What was too long for the model. */
function truncationNotes(answer) {
  const notes = droppedTokens(answer).map(([name, count]) => `${count} ${count === 1 ? "token" : "tokens"} of the ${name} did not fit: the model has not read ${count === 1 ? "it" : "them"}.`);
  if (answer.truncated.windows > 1) notes.push(`The response was read in ${answer.truncated.windows} overlapping windows.`);
  const lost = answer.segments.filter(({ unscored }) => unscored);
  if (lost.length) notes.push(`${lost.length} of ${answer.segments.length} segments ${lost.length === 1 ? "has" : "have"} no score.`);
  return notes;
}

/** How many segments are doubtful, on each aspect on which some are. */
function doubtNotes({ aspects }, { segments }) {
  const counts = aspects.map((aspect) => [aspect, segments.filter((segment) => isDoubtful(segment, aspect)).length]);
  return counts
    .filter(([, count]) => count > 0)
    .map(([aspect, count]) => {
      const where = aspects.length > 1 ? ` on ${visible(aspect)}` : "";
      return `${count} of ${segments.length} segments ${count === 1 ? "is" : "are"} doubtful${where}: scored at most the threshold of the model.`;
    });
}

/** Tokens that were dropped, by text; only those where some were. */
function droppedTokens({ truncated }) {
  const dropped = ["prompt", "context", "response"].map((name) => [name, truncated[`${name}_tokens_dropped`]]);
  return dropped.filter(([, count]) => count > 0);
}

/**
 * The color scale; `other` names the aspect where it is not the one that was chosen, and `hasDoubt` says whether a segment
 * is doubtful.
 */
function legend(range, places, other, hasDoubt) {
  const steps = element("span", { class: "steps", "aria-hidden": "true" });
  for (let step = 0; step < STEPS; step += 1) steps.append(element("i", { class: `q${step}` }));
  return element(
    "div",
    { class: "legend" },
    other === null ? null : element("span", {}, "in color: ", element("bdi", {}, visible(other))),
    element("span", { class: "scale" }, formatted(range.low, places), steps, element("span", { class: "hidden" }, "to"), formatted(range.high, places)),
    element("span", { class: "how" }, element("span", { class: "seg unscored", "aria-hidden": "true" }, "dashed"), "no score"),
    hasDoubt ? element("span", { class: "how" }, element("span", { class: "seg doubtful", "aria-hidden": "true" }, "wavy"), "doubtful") : null,
  );
}

/** Calls `between(text)` and `segment(text, k)` for the parts of a response, in order; positions count characters. */
export function eachPart(response, segments, between, segment) {
  const characters = new Characters(response);
  let at = 0;
  segments.forEach(({ start, end }, k) => {
    if (at < start) between(characters.slice(at, start));
    segment(characters.slice(start, end), k);
    at = end;
  });
  if (at < characters.length) between(characters.slice(at, characters.length));
}

function coloredText(response, answer, aspect, range, places) {
  const text = element("p", { class: "text", dir: "auto" });
  eachPart(
    response,
    answer.segments,
    (between) => text.append(visible(between)),
    (piece, k) => {
      const scored = answer.segments[k];
      const score = scoreOf(scored, aspect);
      // The white space behind a segment belongs to it but is not painted.
      const space = trailingSpace(piece);
      const seen = piece.slice(0, piece.length - space);
      const doubtful = isDoubtful(scored, aspect);
      const label = isNumber(score) ? formatted(score, places) + (scored.cut ? " (part)" : "") + (doubtful ? " doubtful" : "") : "no score";
      const color = (isNumber(score) ? `q${colorStep(score, range)}` : "unscored") + (doubtful ? " doubtful" : "");
      text.append(element("span", { class: `seg ${color}` }, element("bdi", {}, visible(seen)), element("sub", {}, label)), piece.slice(seen.length));
    },
  );
  return text;
}

function numbers(response, model, answer, places) {
  const characters = new Characters(response);
  const head = ["segment", ...model.aspects.map((name) => (model.aspects.length > 1 ? visible(name) : "score"))];
  const remarks = answer.segments.map((segment) => remark(model, segment));
  const hasRemarks = remarks.some((text) => text !== "");
  if (hasRemarks) head.push("remark");
  const rows = answer.segments.map((segment, k) => [
    visible(labelOf(characters.slice(segment.start, segment.end).trim(), 60)),
    ...model.aspects.map((name) => formatted(scoreOf(segment, name), places)),
    ...(hasRemarks ? [remarks[k]] : []),
  ]);
  return element("details", { class: "numbers" }, element("summary", {}, "Numbers"), table(head, rows));
}

/** What there is to say about a segment beside its score. */
function remark({ aspects }, segment) {
  if (segment.unscored) return REASONS[segment.unscored] ?? segment.unscored;
  const doubtful = aspects.filter((aspect) => isDoubtful(segment, aspect)).map(visible);
  const where = aspects.length > 1 ? ` on ${doubtful.join(", ")}` : "";
  return [segment.cut ? "score of the part that was read" : "", doubtful.length ? `doubtful${where}` : ""].filter(Boolean).join("; ");
}

function table(head, rows) {
  const body = rows.map(([first, ...others]) => element("tr", {}, element("th", { scope: "row" }, element("bdi", {}, first)), ...others.map((cell) => element("td", {}, cell))));
  return element(
    "div",
    { class: "scroll", tabindex: "0", role: "group", "aria-label": "Table of segments" },
    element("table", {}, element("thead", {}, element("tr", {}, ...head.map((name) => element("th", { scope: "col" }, element("bdi", {}, name))))), element("tbody", {}, ...body)),
  );
}

/** The scores of two models beside each other, where both have the same segments; `null` else. */
export function comparison(record, results, aspect, range) {
  if (results.length < 2) return null;
  const [a, b] = results.map(({ answer }) => answer.segments);
  const isSame = a.length === b.length && a.every((segment, k) => segment.start === b[k].start && segment.end === b[k].end);
  if (!isSame || results.some(({ model }) => !model.aspects.includes(aspect))) return null;
  const characters = new Characters(record.response);
  const places = decimals(range);
  const rows = a.map((segment, k) => {
    const [x, y] = [scoreOf(segment, aspect), scoreOf(b[k], aspect)];
    const difference = isNumber(x) && isNumber(y) ? (y - x > 0 ? "+" : "") + formatted(y - x, places) : "-";
    return [visible(labelOf(characters.slice(segment.start, segment.end).trim(), 60)), formatted(x, places), formatted(y, places), difference];
  });
  const head = ["segment", visible(results[0].model.name), visible(results[1].model.name), "difference"];
  return element("section", { class: "numbers" }, element("h3", {}, "Segment by segment"), table(head, rows));
}
