// Cuts responses into segments: by the server, as models cut them, or whole.

import { recut } from "./edits.js";
import { announce, byId } from "./dom.js";
import { EngineError } from "./engine.js";

export class Cutter {
  #engine;
  #say;
  #apply;
  #model = null;
  #wasCut = false;

  constructor(engine, say, apply) {
    this.#engine = engine;
    // Both are functions of the view.
    this.#say = say;
    this.#apply = apply;
  }

  setInfo({ models }) {
    this.#model = models[0]?.name ?? null;
  }

  /** Shows what can be cut. */
  show(session) {
    const { record } = session.position;
    const isCut = session.recordProgress(record).segments > 0;
    const isEmpty = session.records[record].response.trim() === "";
    const { uncut } = session.progress();
    byId("rate-cut-summary").textContent = isEmpty ? "The response is empty: there is nothing to rate" : isCut ? "Cut the response again" : "The response is not cut into segments: cut it";
    if (!isCut) byId("rate-cut-box").open = true;
    else if (!this.#wasCut) byId("rate-cut-box").open = false;
    this.#wasCut = isCut;
    byId("rate-cut-buttons").hidden = isEmpty;
    const others = uncut - (isCut || isEmpty ? 0 : 1);
    byId("rate-cut-all-box").hidden = others < 1;
    byId("rate-cut-all-text").textContent = `also the other responses that are not cut (${others})`;
  }

  /** Cuts the record that is shown, and with `all` every other one that is not cut. One step of undo. */
  async cut(session, rule, all) {
    const { record } = session.position;
    const places = [record];
    if (all) places.push(...[...session.records.keys()].filter((place) => place !== record && session.recordProgress(place).uncut));
    const cuts = [];
    try {
      for (const place of places) {
        if (places.length > 1) this.#say(`Cutting ${cuts.length + 1} of ${places.length} …`);
        cuts.push([place, await this.#spans(session.records[place], rule)]);
      }
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      this.#say(`Not cut: ${error.message}.`, true);
      return;
    }
    this.#say("");
    // Only now, since records may have been rated, or closed, while the server was cutting.
    const changes = cuts.map(([place, spans]) => [place, recut(session.state(place), session.records[place], spans)]);
    if (this.#apply(session, "response cut", changes)) announce(`Cut into ${session.state(record).segments.length} segments.`);
    else announce("The segments are the same.");
  }

  async #spans(record, rule) {
    if (rule !== "one") {
      if (!this.#model) throw new EngineError("no model is there to cut it; one segment can be cut by hand");
      const { segments } = await this.#engine.score({ prompt: record.prompt, response: record.response }, { model: this.#model, segmenter: rule });
      return segments;
    }
    const { response, characters } = record;
    const start = response.length - response.replace(/^\p{White_Space}+/u, "").length;
    const end = response.replace(/\p{White_Space}+$/u, "").length;
    return [{ start: characters.fromUtf16(start), end: characters.fromUtf16(end) }];
  }
}
