// Scales: the colors of scores, and the levels on which a rater rates.

export const STEPS = 9;

/** Which of the nine colors a value has between `low` and `high`. */
export function colorStep(value, { low, high }) {
  const share = high > low ? (value - low) / (high - low) : 0.5;
  return Math.round(Math.min(1, Math.max(0, share)) * (STEPS - 1));
}

/** Decimals that tell a hundredth of the range, as the report has them. */
export function decimals({ low, high }) {
  const places = 2 - Math.floor(Math.log10(high - low));
  return Number.isFinite(places) ? Math.min(6, Math.max(0, places)) : 2;
}

/** A number with these decimals and a proper minus sign; "-" for none. */
export function formatted(value, places) {
  if (typeof value !== "number" || !Number.isFinite(value)) return "-";
  const rounded = value.toFixed(places);
  return (Number(rounded) === 0 ? rounded.replace("-", "") : rounded).replace("-", "\u2212");
}

/** A number as short as it is exact. */
export const plain = (value) => String(value).replace("-", "\u2212");

/** The ratings that a scale offers, lowest first: `levels` of them, evenly spaced. */
export function levelsOf({ low, high, levels }) {
  return Array.from({ length: levels }, (_, k) => Number((low + (k * (high - low)) / (levels - 1)).toPrecision(12)));
}

/** The scale that fits ratings: 0 to 1 without any. */
export function scaleFor(values) {
  const numbers = [...new Set(values)].sort((a, b) => a - b);
  const [first, last] = [numbers[0] ?? 0, numbers.at(-1) ?? 1];
  if (first >= 0 && last <= 1) return { low: 0, high: 1, levels: levelCount(numbers, 0, 1) };
  if (first >= -1 && last <= 1) return { low: -1, high: 1, levels: levelCount(numbers, -1, 1) };
  const [low, high] = [Math.min(Math.floor(first), first > 0 && last <= 10 ? 1 : Infinity), Math.ceil(last)];
  const top = high > low ? high : low + 1;
  return { low, high: top, levels: top - low <= 9 ? top - low + 1 : levelCount(numbers, low, top, 5) };
}

/** The fewest levels, at most 10, that have all ratings among them; else 5. */
function levelCount(numbers, low, high, fewest = numbers.length < 2 ? 5 : 2) {
  for (let levels = fewest; levels <= 10; levels += 1) {
    const offered = new Set(levelsOf({ low, high, levels }));
    if (numbers.every((number) => offered.has(number))) return levels;
  }
  return 5;
}

/** What is wrong with a scale, as a message; `null` if nothing is. */
export function scaleProblem({ low, high, levels }) {
  if (![low, high].every(Number.isFinite)) return "found no number, expected the lowest and the highest rating";
  if (!(low < high)) return `found ${low} to ${high}, expected the lowest rating below the highest`;
  if (!Number.isFinite(high - low)) return `found ${low} to ${high}, whose distance is too large for a number`;
  if (!Number.isInteger(levels) || levels < 2 || levels > 10) return `found ${levels} levels, expected 2 to 10`;
  return null;
}
