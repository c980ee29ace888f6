// JSON that has one reading and comes back as it was written: numbers keep their digits (1.0 stays
// 1.0), keys their order, and a key that stands twice is refused. `JSON.parse` does none of these.
// A value is a string, boolean, null, `JsonNumber`, array, or `Map` for an object.

/** Below these keys numbers become 64-bit floats, which have to hold them exactly. */
const RATING_KEYS = new Set(["rating", "ratings", "labels", "weight", "score", "scores"]);
/** Deepest nesting that Gradus reads. */
const DEEPEST = 127;

/** A number as it is written. */
export class JsonNumber {
  constructor(source) {
    this.source = source;
  }

  get value() {
    return Number(this.source);
  }
}

/** What is wrong, and in which field; the field is empty where the whole record is meant. */
export class RecordError extends Error {
  constructor(field, problem) {
    super(field ? `field ${field}: ${problem}` : problem);
    this.name = "RecordError";
    this.field = field;
    this.problem = problem;
  }
}

/** Path of a field, such as `segments[2].end`. */
const pathOf = (steps) => steps.map((step) => (typeof step === "number" ? `[${step}]` : `.${step}`)).join("").replace(/^\./, "");

class Parser {
  at = 0;
  path = [];
  rated = 0;

  constructor(text) {
    this.text = text;
  }

  fail(problem) {
    throw new RecordError(pathOf(this.path), problem);
  }

  unexpected(expected) {
    const found = this.text[this.at];
    this.path = [];
    if (found === undefined) this.fail("found a record that goes on behind the end of the line, expected one JSON object a line");
    this.fail(`not JSON at character ${[...this.text.slice(0, this.at)].length + 1}: expected ${expected}`);
  }

  space() {
    while (" \t\n\r".includes(this.text[this.at] ?? "x")) this.at += 1;
  }

  take(sign) {
    if (this.text[this.at] !== sign) return false;
    this.at += 1;
    return true;
  }

  value() {
    this.space();
    const sign = this.text[this.at];
    if (sign === "{") return this.nested(() => this.object());
    if (sign === "[") return this.nested(() => this.list());
    if (sign === '"') return this.string();
    for (const [word, value] of [["true", true], ["false", false], ["null", null]]) {
      if (this.text.startsWith(word, this.at)) {
        this.at += word.length;
        return value;
      }
    }
    return this.number();
  }

  nested(read) {
    this.depth = (this.depth ?? 0) + 1;
    if (this.depth > DEEPEST) this.fail(`found more than ${DEEPEST} objects and lists in one another`);
    const value = read();
    this.depth -= 1;
    return value;
  }

  object() {
    this.at += 1;
    const object = new Map();
    this.space();
    if (this.take("}")) return object;
    for (;;) {
      this.space();
      if (this.text[this.at] !== '"') this.unexpected("a key in quotation marks");
      const key = this.string();
      this.path.push(key);
      if (object.has(key)) this.fail("found twice in one object, expected each key once");
      this.space();
      if (!this.take(":")) this.unexpected("`:` after a key");
      const rates = RATING_KEYS.has(key) ? 1 : 0;
      this.rated += rates;
      object.set(key, this.value());
      this.rated -= rates;
      this.path.pop();
      this.space();
      if (this.take("}")) return object;
      if (!this.take(",")) this.unexpected("`,` or `}`");
    }
  }

  list() {
    this.at += 1;
    const list = [];
    this.space();
    if (this.take("]")) return list;
    for (;;) {
      this.path.push(list.length);
      list.push(this.value());
      this.path.pop();
      this.space();
      if (this.take("]")) return list;
      if (!this.take(",")) this.unexpected("`,` or `]`");
    }
  }

  string() {
    const start = this.at;
    let end = start + 1;
    while (end < this.text.length && this.text[end] !== '"') end += this.text[end] === "\\" ? 2 : 1;
    if (end >= this.text.length) {
      this.at = this.text.length;
      this.unexpected('`"`');
    }
    let value;
    try {
      value = JSON.parse(this.text.slice(start, end + 1));
    } catch {
      this.unexpected("a text without control characters and with JSON's escapes");
    }
    if (/\p{Cs}/u.test(value)) this.unexpected("a text without half a character (a lone surrogate)");
    this.at = end + 1;
    return value;
  }

  number() {
    const pattern = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
    pattern.lastIndex = this.at;
    const source = pattern.exec(this.text)?.[0];
    if (source === undefined) {
      const name = /[+-]?(?:nan|inf(?:inity)?)\b/yi;
      name.lastIndex = this.at;
      const found = name.exec(this.text)?.[0];
      if (found !== undefined) this.fail(`found ${found}, expected a finite number`);
      this.unexpected("a value");
    }
    if (!Number.isFinite(Number(source))) this.fail(`found ${shortNumber(source)}, expected a finite number`);
    if (isInexact(source, this.rated > 0)) this.fail(`found ${source}, expected a number that 64 bits hold exactly`);
    this.at += source.length;
    return new JsonNumber(source);
  }
}

const shortNumber = (source) => (source.length > 40 ? `${source.slice(0, 40)}…` : source);

/** Whether a whole number would come back as another one. */
function isInexact(source, rated) {
  if (!/^-?\d+$/.test(source) || source.length < 16) return false;
  const whole = BigInt(source);
  const exact = BigInt(Number(source)) === whole;
  if (whole >= -(2n ** 63n) && whole < 2n ** 64n) return rated && !exact;
  const [digits, exponent] = Number(source).toExponential().split("e");
  const significant = digits.replace(/[-.]/g, "");
  const shortest = (digits.startsWith("-") ? "-" : "") + significant.padEnd(Number(exponent) + 1, "0");
  return !exact && shortest !== source;
}

/** The value that `text`, all of it, is. */
export function parseJson(text) {
  const parser = new Parser(text);
  const value = parser.value();
  parser.space();
  if (parser.at < text.length) {
    if (text[parser.at] === "{") parser.fail("found a second record in the line, expected one JSON object a line");
    parser.unexpected("nothing behind the record");
  }
  return value;
}

/** The value as JSON on one line. */
export function writeJson(value) {
  if (value instanceof JsonNumber) return value.source;
  if (value instanceof Map) return `{${Array.from(value, ([key, item]) => `${JSON.stringify(key)}:${writeJson(item)}`).join(",")}}`;
  if (Array.isArray(value)) return `[${value.map(writeJson).join(",")}]`;
  return JSON.stringify(value);
}

/** A value as messages name it. */
export function describe(value) {
  if (value instanceof JsonNumber) return `the number ${value.source}`;
  if (value instanceof Map) return "an object";
  if (Array.isArray(value)) return "a list";
  if (typeof value !== "string") return String(value);
  const characters = [...value];
  return characters.length > 40 ? `the text "${characters.slice(0, 40).join("")}"...` : `the text "${value}"`;
}
