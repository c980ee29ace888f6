// The mode in which people rate segments: what is chosen, what the keys do, how it is shown.

import { RESPONSE, merge, rate, ratingsAt, split } from "./edits.js";
import { announce, byId, element } from "./dom.js";
import { ratingOf, valueOf } from "./ratings.js";
import { Cutter } from "./rate-cut.js";
import { RateFiles } from "./rate-files.js";
import { actionOf, keyHelp } from "./rate-keys.js";
import { ScaleForm } from "./rate-scales.js";
import { askForCut, buildAspects, placeText, placesOf, ratingsText, segmentText, showRatings, showSegments, showTexts } from "./rate-record.js";
import { levelsOf, plain } from "./scale.js";
import { visible, words } from "./text.js";

export class RateView {
  #session = null;
  #files;
  #cutter;
  #scales;

  constructor(engine) {
    this.#files = new RateFiles((session) => this.#open(session));
    this.#cutter = new Cutter(engine, (text, isTrouble) => this.#files.say(text, isTrouble), (session, what, changes) => session === this.#session && this.#apply(what, changes));
    this.#scales = new ScaleForm((aspects) => {
      this.#session.setAspects(aspects);
      this.#build();
      announce("Scales changed.");
    });
    byId("rate-key-rows").append(...keyHelp.map(([key, does]) => element("tr", {}, element("th", { scope: "row" }, element("kbd", {}, key)), element("td", {}, does))));
    const work = byId("rate-work");
    work.addEventListener("keydown", (event) => {
      const found = actionOf(event);
      if (!found) return;
      event.preventDefault();
      this[found.action](found.key);
    });
    const clicks = {
      "rate-undo": () => this.undo(),
      "rate-redo": () => this.redo(),
      "rate-previous": () => this.previousRecord(),
      "rate-next": () => this.nextRecord(),
      "rate-unrated": () => this.nextUnrated(),
      "rate-cut": () => this.cut(),
      "rate-join": () => this.join(),
    };
    for (const [id, act] of Object.entries(clicks)) byId(id).addEventListener("click", act);
    byId("rate-record").addEventListener("change", (event) => {
      const wanted = event.target.valueAsNumber - 1;
      if (this.#session.records[wanted]) this.#goTo(wanted);
      else event.target.value = this.#session.position.record + 1;
    });
    byId("rate-go-on").addEventListener("change", (event) => this.#session.set("goOn", event.target.checked));
    for (const made of byId("rate-cut-buttons").querySelectorAll("[data-cut]")) {
      made.addEventListener("click", () => this.#cutter.cut(this.#session, made.dataset.cut, byId("rate-cut-all").checked));
    }
  }

  setInfo(info) {
    this.#cutter.setInfo(info);
  }

  start() {
    return this.#files.start();
  }

  /** Name and lines of the records with their ratings as they are now; `null` without records. */
  records() {
    return this.#session && { name: this.#session.name, lines: [...this.#session.lines()].join("") };
  }

  addRecord(record) {
    return this.#files.addRecord(record);
  }

  get #state() {
    return this.#session.state(this.#session.position.record);
  }

  #open(session) {
    this.#session = session;
    byId("rate-work").hidden = !session;
    if (session) this.#build();
  }

  #build() {
    buildAspects(this.#session, (aspect, source) => this.#rateAspect(aspect, source));
    this.#scales.show(this.#session);
    byId("rate-go-on").checked = this.#session.settings.goOn;
    this.#show();
  }

  /** Shows everything as it is now. */
  #show() {
    const session = this.#session;
    const { record: at } = session.position;
    const record = session.records[at];
    const state = this.#state;
    const places = placesOf(state);
    if (!places.includes(session.position.segment)) session.position.segment = state.segments.length ? 0 : RESPONSE;
    showTexts(record);
    showSegments(session, (place) => {
      this.#choose(place);
      byId("rate-text").focus({ preventScroll: true });
    });
    showRatings(session);
    this.#cutter.show(session);
    const { rated, segments } = session.progress();
    byId("rate-progress").max = Math.max(1, segments);
    byId("rate-progress").value = rated;
    byId("rate-progress-text").textContent = `${rated} of ${segments} segments rated`;
    const own = session.recordProgress(at);
    byId("rate-record-progress").textContent = own.segments ? `${own.rated} of ${own.segments} rated` : "";
    byId("rate-record").value = at + 1;
    byId("rate-record").max = session.records.length;
    byId("rate-count").textContent = `of ${session.records.length}`;
    byId("rate-previous").disabled = at === 0;
    byId("rate-next").disabled = at + 1 >= session.records.length;
    byId("rate-undo").disabled = !session.canUndo;
    byId("rate-redo").disabled = !session.canRedo;
  }

  #apply(what, changes) {
    const changed = this.#session.apply(what, changes);
    if (changed) this.#show();
    return changed;
  }

  #choose(place, aspect = 0) {
    const { record } = this.#session.position;
    this.#session.goTo(record, place, aspect);
    this.#show();
    this.#scrollToChosen();
  }

  /** Brings the chosen segment into view, above the controls at the lower edge. */
  #scrollToChosen() {
    const option = document.querySelector("#rate-text [aria-selected=true]");
    option.scrollIntoView({ block: "nearest" });
    const hidden = option.getBoundingClientRect().bottom - byId("rate-panel").getBoundingClientRect().top;
    if (hidden > -8) window.scrollBy(0, hidden + 16);
  }

  #goTo(record, segment = 0, aspect = 0) {
    this.#session.goTo(record, segment, aspect);
    this.#show();
    this.#scrollToChosen();
    this.#sayWhere(`Record ${record + 1} of ${this.#session.records.length}. `);
  }

  #sayWhere(ahead = "") {
    const { record, segment } = this.#session.position;
    const state = this.#state;
    const text = segment === RESPONSE ? "" : `: ${segmentText(this.#session.records[record], state, segment)}`;
    announce(`${ahead}${placeText(state, segment)}, ${ratingsText(this.#session, state, segment)}${visible(text)}`);
  }

  #rateAspect(aspect, source) {
    const { record, segment } = this.#session.position;
    const { name } = this.#session.aspects[aspect];
    this.#session.position.aspect = aspect;
    const after = rate(this.#state, segment, name, source);
    this.#apply(source === null ? "rating cleared" : `rating ${source}`, [[record, after]]);
    announce(`${placeText(after, segment)}: ${visible(name)} ${source === null ? "cleared" : plain(Number(source))}.`);
  }

  // What the keys do; see rate-keys.js.

  #move(step) {
    const places = placesOf(this.#state);
    const next = places[places.indexOf(this.#session.position.segment) + step];
    if (next !== undefined) this.#choose(next);
  }

  nextSegment() {
    this.#move(1);
  }

  previousSegment() {
    this.#move(-1);
  }

  firstSegment() {
    this.#choose(placesOf(this.#state)[0]);
  }

  lastSegment() {
    this.#choose(placesOf(this.#state).at(-2) ?? RESPONSE);
  }

  wholeResponse() {
    this.#choose(RESPONSE);
  }

  rateLevel(key) {
    const { aspect } = this.#session.position;
    const level = levelsOf(this.#session.aspects[aspect])[(Number(key) + 9) % 10];
    if (level === undefined) {
      announce(`No level has the key ${key}.`);
      return;
    }
    this.#rateAspect(aspect, String(level));
    if (this.#session.settings.goOn) this.#goOn(`${plain(level)}. `);
  }

  /** Goes to the next aspect, segment or record. */
  #goOn(ahead) {
    const { record, segment, aspect } = this.#session.position;
    if (aspect + 1 < this.#session.aspects.length) this.#choose(segment, aspect + 1);
    else if (segment !== RESPONSE && segment + 1 < this.#state.segments.length) this.#choose(segment + 1);
    else if (record + 1 < this.#session.records.length) {
      this.#goTo(record + 1);
      return;
    } else {
      announce(`${ahead}This was the last one.`);
      return;
    }
    const next = this.#session.position;
    const name = next.aspect > 0 ? `${visible(this.#session.aspects[next.aspect].name)}, ` : "";
    this.#sayWhere(ahead + name);
  }

  clear() {
    const { record, segment, aspect } = this.#session.position;
    const { name } = this.#session.aspects[aspect];
    if (ratingOf(ratingsAt(this.#session.state(record), segment), name).mine === null) announce("There is no rating of yours to clear.");
    else this.#rateAspect(aspect, null);
  }

  exact() {
    byId(`rate-aspect-${this.#session.position.aspect}-exact`).focus();
  }

  nextAspect() {
    const { segment, aspect } = this.#session.position;
    const next = (aspect + 1) % this.#session.aspects.length;
    this.#choose(segment, next);
    const { name } = this.#session.aspects[next];
    const value = valueOf(ratingOf(ratingsAt(this.#state, segment), name));
    announce(`${visible(name)}, ${value === null ? "unrated" : plain(value)}`);
  }

  nextUnrated() {
    const next = this.#session.nextUnrated(this.#session.position);
    if (next) this.#goTo(next.record, next.segment);
    else announce("Every segment is rated.");
    byId("rate-text").focus({ preventScroll: true });
  }

  nextRecord() {
    const { record } = this.#session.position;
    if (record + 1 < this.#session.records.length) this.#goTo(record + 1);
    else announce("This is the last record.");
  }

  previousRecord() {
    const { record } = this.#session.position;
    if (record > 0) this.#goTo(record - 1);
    else announce("This is the first record.");
  }

  async cut() {
    const { record: at, segment } = this.#session.position;
    if (segment === RESPONSE) return;
    const record = this.#session.records[at];
    const state = this.#state;
    const text = segmentText(record, state, segment);
    const unit = await askForCut(text, words(text));
    if (unit !== null) {
      const start = record.characters.toUtf16(state.segments[segment].start);
      const position = record.characters.fromUtf16(start + unit);
      const after = position === null ? null : split(state, record, segment, position);
      if (after && this.#apply("cut", [[at, after]])) this.#sayWhere("Cut. ");
      else announce("It cannot be cut there.");
    }
    byId("rate-text").focus({ preventScroll: true });
  }

  join() {
    const { record, segment } = this.#session.position;
    const after = segment === RESPONSE ? null : merge(this.#state, segment);
    if (after && this.#apply("segments joined", [[record, after]])) this.#sayWhere("Joined. ");
    else announce("There is no next segment to join.");
  }

  undo() {
    this.#undone(this.#session.undo(), "Undone");
  }

  redo() {
    this.#undone(this.#session.redo(), "Redone");
  }

  #undone(what, said) {
    if (what) {
      this.#show();
      this.#sayWhere(`${said}: ${what}. `);
    } else announce(`Nothing to be ${said.toLowerCase()}.`);
  }

  showKeys() {
    byId("rate-keys").open = true;
    byId("rate-keys").querySelector("summary").focus();
  }
}
