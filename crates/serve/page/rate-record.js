// The record that is rated: its texts, its segments as a list to choose from, and the controls that rate.

import { RESPONSE, ratingsAt } from "./edits.js";
import { answerOf, button, byId, element } from "./dom.js";
import { ratingOf, valueOf } from "./ratings.js";
import { colorStep, decimals, formatted, levelsOf, plain } from "./scale.js";
import { eachPart } from "./score-panel.js";
import { trailingSpace, visible } from "./text.js";

/** The places that can be chosen, in order: the segments, then the response as a whole. */
export const placesOf = (state) => [...state.segments.keys(), RESPONSE];

/** How a rating is shown: its value, and how many rated it where there are several. */
function ratingText(rating, scale) {
  const value = valueOf(rating);
  if (value === null) return "unrated";
  const count = rating.others.length + (rating.mine === null ? 0 : 1);
  const shown = rating.others.length ? formatted(value, Math.max(2, decimals(scale))) : plain(Number(rating.mine));
  return count > 1 ? `${shown} (mean of ${count})` : shown;
}

/** The ratings of one place on all aspects, in words. */
export function ratingsText(session, state, place) {
  const ratings = ratingsAt(state, place);
  const texts = session.aspects.map((aspect) => {
    const text = ratingText(ratingOf(ratings, aspect.name), aspect);
    return session.aspects.length > 1 ? `${visible(aspect.name)} ${text}` : text;
  });
  return texts.join(", ");
}

/** What is chosen, in words. */
export function placeText(state, place) {
  return place === RESPONSE ? "Response as a whole" : `Segment ${place + 1} of ${state.segments.length}`;
}

/** Shows the texts of a record. */
export function showTexts(record) {
  byId("rate-id").textContent = visible(record.id);
  byId("rate-prompt-shown").textContent = visible(record.prompt);
  byId("rate-prompt-shown").hidden = record.prompt === "";
  byId("rate-context").textContent = visible(record.context ?? "");
  byId("rate-context-box").hidden = !record.context;
}

/** Shows the segments as options of the list. */
export function showSegments(session, choose) {
  const { record: at, segment: chosen, aspect } = session.position;
  const record = session.records[at];
  const state = session.state(at);
  const list = byId("rate-text");
  const option = (place, text, className) => {
    const where = place === RESPONSE ? "" : `, segment ${place + 1} of ${state.segments.length}`;
    const made = element(
      "span",
      { role: "option", id: optionId(place), class: className, "aria-selected": String(place === chosen) },
      element("bdi", {}, text),
      element("sub", { "aria-hidden": "true" }, shortRatings(session, state, place)),
      element("span", { class: "hidden" }, `${ratingsText(session, state, place)}${where}`),
    );
    made.addEventListener("click", () => choose(place));
    return made;
  };
  const parts = [];
  eachPart(
    record.response,
    state.segments,
    (between) => parts.push(element("span", { role: "presentation" }, visible(between))),
    (piece, place) => {
      const seen = piece.slice(0, piece.length - trailingSpace(piece));
      const scale = session.aspects[aspect];
      const value = valueOf(ratingOf(ratingsAt(state, place), scale.name));
      const rated = value === null ? "unrated" : `t${colorStep(value, scale)}`;
      parts.push(option(place, visible(seen), `seg ${rated}`), element("span", { role: "presentation" }, piece.slice(seen.length)));
    },
  );
  list.replaceChildren(...parts, option(RESPONSE, placeText(state, RESPONSE), "whole"));
  list.setAttribute("aria-activedescendant", optionId(chosen));
}

const optionId = (place) => (place === RESPONSE ? "segment-response" : `segment-${place}`);

export const segmentText = (record, state, place) => record.characters.slice(state.segments[place].start, state.segments[place].end);

function shortRatings(session, state, place) {
  const ratings = ratingsAt(state, place);
  const values = session.aspects.map((aspect) => {
    const rating = ratingOf(ratings, aspect.name);
    const value = valueOf(rating);
    return value === null ? "–" : rating.others.length ? formatted(value, Math.max(2, decimals(aspect))) : plain(value);
  });
  return values.join(" · ");
}

/** Builds the controls, one group for each aspect; `give(aspect, source)` hears of a rating, a number as text or `null`. */
export function buildAspects(session, give) {
  const groups = session.aspects.map((aspect, k) => {
    const name = `rate-aspect-${k}`;
    const levels = levelsOf(aspect).map((level, nth) => {
      const input = element("input", { type: "radio", name, value: level });
      input.addEventListener("change", () => give(k, String(level)));
      return element("label", { class: "level" }, input, element("span", {}, plain(level)), element("kbd", { "aria-hidden": "true" }, (nth + 1) % 10));
    });
    const exact = element("input", { type: "number", step: "any", min: aspect.low, max: aspect.high, id: `${name}-exact`, "aria-describedby": `${name}-trouble` });
    const giveExact = () => {
      if (exact.value === "" || exact.validity.badInput) return false;
      const inside = exact.valueAsNumber >= aspect.low && exact.valueAsNumber <= aspect.high;
      byId(`${name}-trouble`).textContent = inside ? "" : `Found ${plain(exact.valueAsNumber)}, expected ${plain(aspect.low)} to ${plain(aspect.high)}.`;
      if (inside) give(k, String(exact.valueAsNumber));
      return inside;
    };
    exact.addEventListener("change", giveExact);
    exact.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== "Escape") return;
      event.preventDefault();
      if (event.key === "Escape" || giveExact()) byId("rate-text").focus({ preventScroll: true });
    });
    return element(
      "fieldset",
      { class: "aspect" },
      element("legend", {}, element("bdi", {}, visible(aspect.name)), element("span", { class: "note keys-here" }, " (keys)")),
      element("div", { class: "levels" }, ...levels),
      element("label", { class: "exact" }, "exact ", exact),
      button("Clear", () => give(k, null), { class: "clear", "aria-label": `Clear ${visible(aspect.name)}` }),
      element("span", { class: "note others" }),
      element("span", { class: "trouble", id: `${name}-trouble`, role: "alert" }),
    );
  });
  byId("rate-aspects").replaceChildren(...groups);
}

/** Shows the ratings of the chosen place in the controls. */
export function showRatings(session) {
  const { record, segment, aspect: current } = session.position;
  const state = session.state(record);
  const ratings = ratingsAt(state, segment);
  const groups = byId("rate-aspects").children;
  session.aspects.forEach((aspect, k) => {
    const rating = ratingOf(ratings, aspect.name);
    const mine = rating.mine === null ? null : Number(rating.mine);
    const group = groups[k];
    group.classList.toggle("current", session.aspects.length > 1 && k === current);
    for (const input of group.querySelectorAll("[type=radio]")) input.checked = mine !== null && Number(input.value) === mine;
    const exact = group.querySelector("[type=number]");
    exact.value = mine === null ? "" : String(mine);
    group.querySelector(".clear").disabled = mine === null;
    group.querySelector(".trouble").textContent = "";
    group.querySelector(".others").textContent = rating.others.length
      ? `${rating.others.length} other ${rating.others.length === 1 ? "rater" : "raters"}: ${rating.others.map((source) => plain(Number(source))).join(", ")}`
      : "";
  });
  byId("rate-what").textContent = placeText(state, segment);
  byId("rate-cut").disabled = segment === RESPONSE;
  byId("rate-join").disabled = segment === RESPONSE || segment + 1 >= state.segments.length;
}

/** Asks where a segment is to be cut. Resolves to a position in UTF-16 units of the segment's text, `null` for none. */
export async function askForCut(text, words) {
  const dialog = byId("cut");
  const buttons = [];
  const parts = words.map(([at, piece]) => {
    if (/^\p{White_Space}*$/u.test(piece)) return visible(piece);
    const made = element("button", { value: at, disabled: text.slice(0, at).trim() === "" }, visible(piece));
    if (!made.disabled) buttons.push(made);
    return made;
  });
  byId("cut-words").replaceChildren(...parts);
  byId("cut-words").onkeydown = (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const next = step && buttons[buttons.indexOf(event.target) + step];
    if (!next) return;
    event.preventDefault();
    next.focus();
  };
  const answer = answerOf(dialog);
  buttons[0]?.focus();
  const place = await answer;
  return /^\d+$/.test(place) ? Number(place) : null;
}
