// What a rater changes in a record. A state is `{ segments: [{ start, end, of, ratings }], ratings }`
// and is never changed in place: every function returns a new one. `of` has the places of the
// record's own segments that the text of a segment came from. Positions count Unicode characters.

import { ratingOf, sameRatings, setRating } from "./ratings.js";
import { trailingSpace } from "./text.js";

/** The place of the response as a whole, which is rated like a segment. */
export const RESPONSE = -1;

/** The record as it was read. */
export function initialState(record) {
  const segments = record.segments.map(({ start, end, ratings }, k) => ({ start, end, of: [k], ratings }));
  return { segments, ratings: record.ratings };
}

/** The ratings of segment `place`, or of the response. */
export const ratingsAt = (state, place) => (place === RESPONSE ? state.ratings : state.segments[place].ratings);

/** Gives a rating, a number as it is to be written, or takes it away (`null`). The ratings of other raters stay. */
export function rate(state, place, aspect, source) {
  const before = ratingsAt(state, place);
  const ratings = { ...before };
  setRating(ratings, aspect, { others: ratingOf(before, aspect).others, mine: source });
  if (place === RESPONSE) return { ...state, ratings };
  return replaced(state, place, 1, [{ ...state.segments[place], ratings }]);
}

function replaced(state, place, count, segments) {
  return { ...state, segments: state.segments.toSpliced(place, count, ...segments) };
}

/**
 * Cuts a segment in two before the character at `position` of the response. White space ahead of the cut belongs
 * to neither. Both are unrated: a rating is about all of its text. `null` where one half would be empty.
 */
export function split(state, record, place, position) {
  const { start, end, of } = state.segments[place];
  if (position <= start || position >= end) return null;
  const ahead = record.characters.slice(start, position);
  const middle = position - trailingSpace(ahead);
  if (middle === start) return null;
  return replaced(state, place, 1, [
    { start, end: middle, of, ratings: {} },
    { start: position, end, of, ratings: {} },
  ]);
}

/** Joins a segment and the one behind it, with what lies between. Ratings stay where both are the same. */
export function merge(state, place) {
  const [first, second] = state.segments.slice(place, place + 2);
  if (!second) return null;
  const ratings = sameRatings(first.ratings, second.ratings) ? first.ratings : {};
  const of = [...new Set([...first.of, ...second.of])];
  return replaced(state, place, 2, [{ start: first.start, end: second.end, of, ratings }]);
}

/** Cuts the response at other spans. A segment that was there before keeps what it had. */
export function recut(state, record, spans) {
  const known = new Map([...initialState(record).segments, ...state.segments].map((segment) => [`${segment.start}-${segment.end}`, segment]));
  const segments = spans.map(({ start, end }) => known.get(`${start}-${end}`) ?? { start, end, of: [], ratings: {} });
  return { ...state, segments };
}

/** Whether two states say the same. */
export function sameState(a, b) {
  return (
    sameRatings(a.ratings, b.ratings) &&
    a.segments.length === b.segments.length &&
    a.segments.every((x, k) => {
      const y = b.segments[k];
      return x.start === y.start && x.end === y.end && sameRatings(x.ratings, y.ratings);
    })
  );
}
