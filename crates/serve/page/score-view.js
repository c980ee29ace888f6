// The mode that scores a response, with one model or two side by side.

import { button, byId, element, fillSelect } from "./dom.js";
import { EngineError } from "./engine.js";
import { comparison, panel, scoreRange } from "./score-panel.js";

const EXAMPLE = {
  prompt: "Dan adds 1 to 7, 6, 2, 3, 8.",
  response: "First: 8. Next: 7. Then: 3. Next: 9. Then: 9.",
};

export class ScoreView {
  #engine;
  #rateThis;
  #models = [];
  #running = null;
  /** `[{ model, answer }]` of the last scoring, with its record. */
  #results = [];
  #record = null;
  #aspect = null;

  constructor(engine, rateThis) {
    this.#engine = engine;
    this.#rateThis = rateThis;
    const form = byId("score-form");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#score();
    });
    form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        form.requestSubmit();
      }
    });
    // What is wrong has to be seen to be said.
    byId("score-stride").addEventListener("invalid", () => (byId("score-more").open = true));
    for (const id of ["score-segmenter", "score-windows"]) byId(id).addEventListener("change", () => this.#showSettings());
    byId("score-example").addEventListener("click", () => {
      byId("score-prompt").value = EXAMPLE.prompt;
      byId("score-response").value = EXAMPLE.response;
      byId("score-response").focus();
    });
    this.#showSettings();
  }

  setInfo({ models }) {
    this.#models = models;
    const names = models.map(({ name }) => [name, name]);
    fillSelect(byId("score-model"), names);
    fillSelect(byId("score-other"), [["", "nothing"], ...names]);
    byId("score-other-box").hidden = models.length < 2;
  }

  #showSettings() {
    const segmenter = byId("score-segmenter").value;
    byId("score-delimiter-note").hidden = segmenter !== "delimiter";
    showField("score-delimiter", segmenter === "delimiter");
    showField("score-tokens", segmenter === "tokens");
    showField("score-stride", byId("score-windows").value === "step");
  }

  #settings() {
    const kind = byId("score-segmenter").value;
    const value = {
      delimiter: () => `delimiter:${byId("score-delimiter").value.replaceAll("\\n", "\n").replaceAll("\\t", "\t")}`,
      tokens: () => `tokens:${byId("score-tokens").value}`,
    };
    const windows = byId("score-windows").value;
    return {
      segmenter: value[kind]?.() ?? kind,
      aggregation: byId("score-aggregation").value,
      raw: byId("score-raw").checked || undefined,
      stride: windows === "step" ? Number(byId("score-stride").value) : windows || undefined,
    };
  }

  async #score() {
    const [prompt, context, response] = ["prompt", "context", "response"].map((name) => byId(`score-${name}`).value);
    if (response.trim() === "") {
      this.#say("The response is empty: there is nothing to score.");
      byId("score-response").focus();
      return;
    }
    if (!this.#models.length) {
      this.#say("No model is loaded yet: try again in a moment.", true);
      return;
    }
    this.#running?.abort();
    const running = new AbortController();
    this.#running = running;
    this.#say("Scoring …");
    const record = { prompt, ...(context.trim() === "" ? {} : { context }), response };
    const names = [byId("score-model").value, byId("score-other").value].filter(Boolean);
    const settings = this.#settings();
    try {
      const answers = await Promise.all(names.map((model) => this.#engine.score(record, { ...settings, model }, running.signal)));
      if (this.#running !== running) return;
      this.#record = record;
      this.#results = names.map((name, k) => ({ model: this.#models.find((model) => model.name === name), answer: answers[k] }));
      this.#show();
      byId("score-results").scrollIntoView({ block: "nearest" });
      const count = answers[0].segments.length;
      this.#say(`${count} ${count === 1 ? "segment" : "segments"}${names.length > 1 ? " by the first model" : ""}.`);
    } catch (error) {
      if (this.#running !== running || error.name === "AbortError") return;
      if (!(error instanceof EngineError)) throw error;
      this.#say(`Not scored: ${error.message}.`, true);
    }
  }

  #say(text, isTrouble = false) {
    const status = byId("score-status");
    status.textContent = text;
    status.className = isTrouble ? "trouble" : "";
  }

  #show() {
    const aspects = [...new Set(this.#results.flatMap(({ model }) => model.aspects))];
    if (!aspects.includes(this.#aspect)) [this.#aspect] = aspects;
    const aspect = this.#aspect;
    const range = scoreRange(this.#results, aspect);
    // A model without the aspect shows its first one.
    const panels = this.#results.map((result) => panel(this.#record, result, aspect, range));
    byId("score-results").replaceChildren(
      this.#aspectChoice(aspects),
      element("div", { class: panels.length > 1 ? "pair" : "" }, ...panels),
      comparison(this.#record, this.#results, aspect, range) ?? "",
      element("div", { class: "actions" }, button("Rate these segments", () => this.#rate())),
    );
  }

  #aspectChoice(aspects) {
    if (aspects.length < 2) return "";
    const choice = element("fieldset", { class: "aspects" }, element("legend", {}, "Aspect shown in color"));
    for (const name of aspects) {
      const input = element("input", { type: "radio", name: "score-aspect", checked: name === this.#aspect });
      input.addEventListener("change", () => {
        this.#aspect = name;
        this.#show();
        document.querySelector("[name=score-aspect]:checked").focus();
      });
      choice.append(element("label", { class: "check" }, input, element("bdi", {}, name)));
    }
    return choice;
  }

  #rate() {
    const segments = this.#results[0].answer.segments.map(({ start, end }) => ({ start, end, rating: null }));
    this.#rateThis({ ...this.#record, segments });
  }
}

/** Shows a field or hides it; a hidden one is not checked. */
function showField(id, isShown) {
  byId(`${id}-box`).hidden = !isShown;
  byId(id).disabled = !isShown;
}
