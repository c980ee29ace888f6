// The form of aspects and their scales.

import { button, byId, element } from "./dom.js";
import { scaleProblem } from "./scale.js";

export class ScaleForm {
  #session;

  constructor(use) {
    byId("rate-scales-form").addEventListener("submit", (event) => {
      event.preventDefault();
      const aspects = this.#read();
      if (aspects) use(aspects);
    });
    byId("rate-add-aspect").addEventListener("click", () => {
      const row = this.#row({ name: "", low: 0, high: 1, levels: 5 }, true);
      byId("rate-scale-rows").append(row);
      row.querySelector("input").focus();
    });
  }

  show(session) {
    this.#session = session;
    byId("rate-scale-rows").replaceChildren(...session.aspects.map((aspect) => this.#row(aspect, false)));
    byId("rate-scale-trouble").textContent = "";
  }

  #row(aspect, isNew) {
    const named = (label, attributes) => element("input", { "aria-label": isNew ? `${label} of the new aspect` : `${label} of ${aspect.name}`, ...attributes });
    const number = (label, key, attributes) => element("td", {}, named(label, { type: "number", "data-key": key, value: aspect[key], step: "any", ...attributes }));
    const row = element(
      "tr",
      {},
      element("th", { scope: "row" }, named("Name", { type: "text", "data-key": "name", value: aspect.name, readonly: !isNew, spellcheck: "false" })),
      number("Lowest rating", "low"),
      number("Highest rating", "high"),
      number("Levels", "levels", { step: 1, min: 2, max: 10 }),
      element("td", {}, button("Remove", () => row.remove(), { "aria-label": isNew ? "Remove the new aspect" : `Remove ${aspect.name}` })),
    );
    return row;
  }

  /** The aspects of the form; `null` where something is wrong, which is then shown. */
  #read() {
    const aspects = [...byId("rate-scale-rows").children].map((row) => {
      const value = (key) => row.querySelector(`[data-key=${key}]`);
      const name = value("name").readOnly ? value("name").value : value("name").value.trim();
      return { name, low: value("low").valueAsNumber, high: value("high").valueAsNumber, levels: value("levels").valueAsNumber };
    });
    const problem = problemOf(aspects);
    byId("rate-scale-trouble").textContent = problem ?? "";
    return problem ? null : aspects;
  }
}

function problemOf(aspects) {
  if (!aspects.length) return "Found no aspect, expected at least one.";
  for (const [k, aspect] of aspects.entries()) {
    if (aspect.name === "") return "Found an aspect without a name, expected one.";
    if (aspects.findIndex(({ name }) => name === aspect.name) !== k) return `Found the aspect ${aspect.name} twice, expected distinct names.`;
    const problem = scaleProblem(aspect);
    if (problem) return `${aspect.name}: ${problem}.`;
  }
  return null;
}
