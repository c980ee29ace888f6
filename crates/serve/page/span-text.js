// The text that a record repeats for a span gives away offsets that count something else.

import { RecordError, describe } from "./json.js";
import { Characters, shortened } from "./text.js";

/** Other keys that often hold the text of a segment, and may hold something else. */
export const OTHER_NAMES = ["segment", "sentence", "span_text", "segment_text", "quote", "content", "substring", "phrase"];

/** Refuses a segment whose `text` is not what its span covers. */
export function checkTexts(response, characters, segments) {
  segments.forEach(({ start, end, tree }, k) => {
    const covered = characters.slice(start, end);
    const refuse = (name, expected, fit) => {
      const hint = fit ?? "offsets count Unicode characters of response, not bytes or UTF-16 units";
      throw new RecordError(
        `segments[${k}].${name}`,
        `found "${shortened(covered, 200)}" at ${start}..${end} of the response, expected "${shortened(expected, 200)}"; ${hint}`,
      );
    };
    const text = tree.get("text") ?? null;
    if (text !== null && typeof text !== "string") {
      throw new RecordError(`segments[${k}].text`, `found ${describe(text)}, expected the text that the span covers`);
    }
    if (text !== null && text !== covered) refuse("text", text, fit(response, characters, start, end, text));
    for (const name of OTHER_NAMES) {
      const other = tree.get(name);
      if (typeof other !== "string" || other === covered) continue;
      // Under a name that may mean something else a text counts only where another reading fits.
      const reading = fit(response, characters, start, end, other);
      if (reading) refuse(name, other, reading);
    }
  });
}

/** Under which other reading the span covers `expected`, as a message; `null` for none. */
function fit(response, characters, start, end, expected) {
  const inCharacters = (readAs, from, to) => {
    const fits = from !== null && to !== null && from >= 0 && from <= to && to <= characters.length && characters.slice(from, to) === expected;
    return fits ? `these fit if ${readAs}: in characters the span is ${from}..${to}` : null;
  };
  const bytes = () => {
    const encoded = new TextEncoder().encode(response);
    const count = (position) => {
      // Inside of a character there is no position.
      if (position > encoded.length || (encoded[position] & 0xc0) === 0x80) return null;
      return new Characters(new TextDecoder("utf-8", { ignoreBOM: true }).decode(encoded.subarray(0, position))).length;
    };
    return inCharacters("they count bytes", count(start), count(end));
  };
  const elsewhere = () => {
    const at = expected === "" ? -1 : response.indexOf(expected);
    if (at < 0 || response.indexOf(expected, at + expected.length) >= 0) return null;
    const [from, to] = [characters.fromUtf16(at), characters.fromUtf16(at + expected.length)];
    return from === null || to === null ? null : `this text stands at ${from}..${to} of it and nowhere else`;
  };
  return (
    inCharacters("they count UTF-16 units", characters.fromUtf16(start), characters.fromUtf16(end)) ??
    bytes() ??
    inCharacters("they count from 1", start - 1, end - 1) ??
    inCharacters("the end is the last character", start, end + 1) ??
    elsewhere()
  );
}
