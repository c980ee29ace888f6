// The learning curve: losses of the steps, and the errors of the validations.

const NAMESPACE = "http://www.w3.org/2000/svg";
const WIDEST = 640;
const HEIGHT = 220;
const [LEFT, RIGHT, TOP, BOTTOM] = [52, 12, 12, 28];

function shape(tag, attributes, text) {
  const made = document.createElementNS(NAMESPACE, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  if (text !== undefined) made.textContent = text;
  return made;
}

export const figure = (value) => (typeof value === "number" ? value.toPrecision(3) : "–");

/** Means of neighboring losses, at most `most` of them: single batches scatter. */
export function smoothed(points, most = 120) {
  const size = Math.max(1, Math.ceil(points.length / most));
  const means = [];
  for (let at = 0; at < points.length; at += size) {
    const some = points.slice(at, at + size);
    means.push({ step: some.at(-1).step, value: some.reduce((sum, { value }) => sum + value, 0) / some.length });
  }
  return means;
}

/** Draws into an `svg`: `losses` and `errors` as `[{ step, value }]`, of `steps` in all. */
export function drawCurve(svg, { losses, errors, steps }) {
  const training = smoothed(losses);
  const values = [...training, ...errors].map(({ value }) => value).filter(Number.isFinite);
  // One unit is one pixel, so that numbers can be read on a phone.
  const width = Math.min(WIDEST, svg.clientWidth || WIDEST);
  svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  if (!values.length) {
    svg.replaceChildren();
    return;
  }
  const top = Math.max(...values) * 1.05 || 1;
  const x = (step) => LEFT + ((width - LEFT - RIGHT) * step) / Math.max(1, steps);
  const y = (value) => HEIGHT - BOTTOM - ((HEIGHT - TOP - BOTTOM) * value) / top;
  const path = (points) => points.map(({ step, value }, k) => `${k ? "L" : "M"}${x(step).toFixed(1)} ${y(value).toFixed(1)}`).join("");
  const parts = [];
  for (const share of [0, 0.5, 1]) {
    const value = (top / 1.05) * share;
    parts.push(shape("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) }));
    parts.push(shape("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, figure(value)));
  }
  parts.push(shape("text", { x: LEFT, y: HEIGHT - 8 }, "step 0"), shape("text", { x: width - RIGHT, y: HEIGHT - 8, "text-anchor": "end" }, String(steps)));
  parts.push(shape("path", { class: "train-line", d: path(training) }), shape("path", { class: "valid-line", d: path(errors) }));
  for (const { step, value } of errors) parts.push(shape("circle", { class: "valid-dot", cx: x(step), cy: y(value), r: 3.5 }));
  svg.replaceChildren(...parts);
  const ends = (points) => `${figure(points[0].value)} to ${figure(points.at(-1).value)}`;
  const told = [training.length ? `training loss from ${ends(training)}` : "", errors.length ? `error on the validation records from ${ends(errors)}` : ""];
  svg.setAttribute("aria-label", `Learning curve: ${told.filter(Boolean).join(", ")}`);
}
