// Text as Gradus counts and shows it. Gradus counts Unicode characters (code points), JavaScript
// counts UTF-16 units: every position from or for Gradus goes through `Characters`.

/** A text whose positions count Unicode characters. */
export class Characters {
  #text;
  /** Where each character starts in UTF-16 units, and where the last one ends; `null` where the two counts agree. */
  #starts = null;

  constructor(text) {
    this.#text = text;
    if (!/[\ud800-\udbff]/.test(text)) {
      this.length = text.length;
      return;
    }
    const starts = [];
    let at = 0;
    for (const character of text) {
      starts.push(at);
      at += character.length;
    }
    this.length = starts.length;
    this.#starts = Uint32Array.from([...starts, at]);
  }

  /** Characters to UTF-16 units. */
  toUtf16(position) {
    if (!Number.isInteger(position) || position < 0 || position > this.length) {
      throw new RangeError(`position ${position} is outside a text of ${this.length} characters`);
    }
    return this.#starts ? this.#starts[position] : position;
  }

  /** UTF-16 units to characters; `null` inside a character or outside the text. */
  fromUtf16(unit) {
    if (!Number.isInteger(unit) || unit < 0 || unit > this.#text.length) return null;
    if (!this.#starts) return unit;
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#starts[middle] < unit) low = middle + 1;
      else high = middle;
    }
    return this.#starts[low] === unit ? low : null;
  }

  /** The characters from `start` to before `end`. */
  slice(start, end) {
    return this.#text.slice(this.toUtf16(start), this.toUtf16(end));
  }
}

// Characters that act instead of being seen: controls, marks of direction, what has no width.
// The same as the command line spells out.
const DECEPTIVE =
  /[\p{Cc}\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0\u061c\u200b-\u200f\ufeff\u2028-\u202e\u2060-\u206f\ufff0-\ufffb\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}]/gu;
const JOINERS = "\u200c\u200d";

function spell(text, keep, spelled) {
  return text.replace(DECEPTIVE, (character, at) => {
    if (keep.includes(character)) return character;
    // Scripts and emoji need joiners between two of their letters.
    if (JOINERS.includes(character) && isJoined(text.slice(0, at), -1) && isJoined(text.slice(at + 1), 0)) {
      return character;
    }
    return spelled(character);
  });
}

/** Whether the character at this end of a text may have a joiner beside it. */
function isJoined(text, end) {
  const character = end === 0 ? [...text.slice(0, 2)][0] : [...text.slice(-2)].at(-1);
  return character !== undefined && character > "\u007f" && !/\p{White_Space}/u.test(character) && character.search(DECEPTIVE) < 0;
}

/** `text` with every character spelled out (`\u{202e}`) that would hide or reorder what stands around it; line breaks and tabs stay. */
export function visible(text) {
  return spell(text, "\n\t", (character) => `\\u{${character.codePointAt(0).toString(16)}}`);
}

/** JSON with the same characters escaped; its value stays. */
export function visibleJson(json) {
  const unit = (code) => `\\u${code.toString(16).padStart(4, "0")}`;
  return spell(json, "\n\t\r", (character) => [...Array(character.length).keys()].map((k) => unit(character.charCodeAt(k))).join(""));
}

/** Whether a text has a white space character at its start or end, as Unicode defines it. */
export const startsWithSpace = (text) => /^\p{White_Space}/u.test(text);
export const endsWithSpace = (text) => /\p{White_Space}$/u.test(text);

/** How many of a text's last UTF-16 units are white space. */
export const trailingSpace = (text) => /\p{White_Space}*$/u.exec(text)[0].length;

/** A text of one line for messages, `most` characters at most. */
export function shortened(text, most = 40) {
  const characters = [...text];
  return characters.length > most ? `${characters.slice(0, most).join("")}…` : text;
}

/** A text as a label, `most` characters at most: it ends behind a word, where one ends in its second half. */
export function labelOf(text, most) {
  const characters = [...text];
  if (characters.length <= most) return text;
  const whole = [...characters.slice(0, most + 1).join("").replace(/\s+\S*$/u, "")];
  return `${(whole.length <= most && whole.length >= most / 2 ? whole : characters.slice(0, most)).join("")}…`;
}

/** The pieces of a text between which it may be cut: words, and signs that stand alone. Each is `[start, text]`, in UTF-16 units. */
export function words(text) {
  if (typeof Intl.Segmenter === "function") {
    const pieces = new Intl.Segmenter(undefined, { granularity: "word" }).segment(text);
    return Array.from(pieces, ({ index, segment }) => [index, segment]);
  }
  return Array.from(text.matchAll(/\S+|\s+/gu), (match) => [match.index, match[0]]);
}
