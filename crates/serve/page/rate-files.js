// How a rating session begins and ends: files and pasted records, the browser's storage, the export.

import { announce, byId, confirmed, element } from "./dom.js";
import { exportName } from "./export-name.js";
import { JsonNumber, writeJson } from "./json.js";
import { FileError, readRecords, unpacked } from "./jsonl.js";
import { readRecord } from "./record.js";
import { Session } from "./session.js";
import { Store, StoreError } from "./store.js";
import { visible } from "./text.js";

/** Refused lines that are listed one by one. */
const LISTED = 50;

export class RateFiles {
  #open;
  #session = null;
  #store = null;
  /** Ends when the session that the browser keeps is open, or known to be none. */
  #started = Promise.resolve();
  #saving = Promise.resolve();
  /** Writes that have not ended. */
  #pending = 0;
  /** Whether all changes so far are in the browser's storage. */
  #kept = true;
  /** Whether the last export has every change. */
  #exported = true;

  /** `open(session)` hears of every session that begins, and of `null` where one ends. */
  constructor(open) {
    this.#open = open;
    byId("rate-file").addEventListener("change", (event) => {
      const [file] = event.target.files;
      event.target.value = "";
      if (file) this.#loadFile(file);
    });
    const drop = byId("rate-drop");
    drop.addEventListener("dragover", (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
    drop.addEventListener("dragleave", () => drop.classList.remove("over"));
    drop.addEventListener("drop", (event) => {
      event.preventDefault();
      drop.classList.remove("over");
      const [file] = event.dataTransfer.files;
      if (file) this.#loadFile(file);
    });
    byId("rate-paste-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#load("pasted.jsonl", async () => new TextEncoder().encode(byId("rate-lines").value));
    });
    byId("rate-text-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#addPasted();
    });
    byId("rate-export").addEventListener("click", () => this.#export());
    byId("rate-discard").addEventListener("click", () => this.#discard());
    byId("rate-more").addEventListener("click", () => this.#showStart(byId("rate-start").hidden));
    window.addEventListener("beforeunload", (event) => {
      if (this.#session && (!this.#kept || this.#pending)) event.preventDefault();
    });
  }

  say(text, isTrouble = false) {
    byId("rate-status").textContent = text;
    byId("rate-status").className = isTrouble ? "trouble" : "";
  }

  /** Opens the session that the browser keeps, if there is one. */
  start() {
    this.#started = this.#openKept();
    return this.#started;
  }

  async #openKept() {
    try {
      this.#store = await Store.open();
      const kept = await this.#store.load();
      if (!kept) return;
      this.say("Reading the ratings that this browser keeps …");
      const records = [];
      for (const [line, raw] of kept.records) {
        records.push(readRecord(raw, line));
        if (records.length % 1000 === 0) await pause();
      }
      this.#use(new Session(kept.meta.name, records, kept.meta.refused, { ...kept.meta, states: kept.states, history: kept.history }));
      this.say("");
    } catch (error) {
      this.#notKept(error);
    }
  }

  #meta() {
    const { name, refused, position, aspects, settings, done } = this.#session;
    return { name, refused, position, aspects, settings, done };
  }

  #use(session) {
    this.#session = session;
    this.#exported = !session?.changed;
    if (session) session.onChange = (change) => this.#save(change);
    byId("rate-name").textContent = session ? visible(session.name) : "";
    this.#showKept();
    this.#showRefused(session?.refused ?? []);
    this.#showStart(!session);
    byId("rate-more").hidden = !session;
    this.#open(session);
  }

  #showStart(isShown) {
    byId("rate-start").hidden = !isShown;
    byId("rate-more").setAttribute("aria-expanded", String(isShown));
  }

  #showKept() {
    const kept = byId("rate-kept");
    kept.textContent = !this.#session ? "" : this.#kept ? "kept in this browser" : "not kept: export before you leave";
    kept.setAttribute("aria-busy", String(this.#pending > 0));
  }

  #notKept(error) {
    this.#kept = false;
    this.#showKept();
    this.say(`The browser does not keep the ratings: ${error.message}. Export them before you leave this page.`, true);
  }

  /** Writes to the browser's storage, behind the writes before it. */
  #keep(write) {
    this.#pending += 1;
    this.#showKept();
    this.#saving = this.#saving.then(async () => {
      try {
        if (this.#kept) await write();
      } catch (error) {
        this.#notKept(error);
      }
      this.#pending -= 1;
      this.#showKept();
    });
    return this.#saving;
  }

  #save(change) {
    if (change.states || change.records) this.#exported = false;
    const meta = this.#meta();
    const records = change.records && this.#session.records;
    this.#keep(() => this.#store.save(meta, { ...change, records }));
  }

  #loadFile(file) {
    this.#load(file.name, () => unpacked(file));
  }

  async #load(name, read) {
    await this.#started;
    if (!(await this.#mayReplace())) return;
    try {
      this.say(`Reading ${visible(name)} …`);
      const { records, refused } = await readRecords(await read(), async (share) => {
        this.say(`Reading ${visible(name)}: ${Math.round(100 * share)} %`);
        await pause();
      });
      if (!records.length) {
        this.#showRefused(refused);
        this.say(refused.length ? `No line of ${visible(name)} is a record.` : `${visible(name)} has no record.`, true);
        return;
      }
      await this.#begin(new Session(name, records, refused));
      const count = `${records.length} ${records.length === 1 ? "record" : "records"}`;
      this.say(refused.length ? `${count} read; ${refused.length} refused, which an export leaves out.` : `${count} read.`, refused.length > 0);
    } catch (error) {
      if (!(error instanceof FileError || error instanceof DOMException)) throw error;
      this.say(`${visible(name)} cannot be read: ${error.message}.`, true);
    }
  }

  async #begin(session) {
    await this.#saving;
    this.#kept = true;
    this.#use(session);
    const meta = this.#meta();
    await this.#keep(async () => {
      if (!this.#store) throw new StoreError("it has no storage for this page");
      await this.#store.begin(meta, session.records);
      // Else a browser that runs out of space may drop the ratings.
      await navigator.storage?.persist?.();
    });
  }

  async #mayReplace() {
    if (!this.#session || this.#exported) return true;
    const { changed, name } = this.#session;
    return confirmed(`This replaces ${visible(name)}, which has changes (${changed} ${changed === 1 ? "record" : "records"}) that you did not export.`, "Replace");
  }

  async #addPasted() {
    const [prompt, response] = [byId("rate-prompt").value, byId("rate-response").value];
    if (response.trim() === "") {
      this.say("The response is empty: there is nothing to rate.", true);
      return;
    }
    await this.addRecord({ prompt, response });
    byId("rate-prompt").value = "";
    byId("rate-response").value = "";
  }

  /** Adds a record, of `prompt`, `context`, `response` and `segments`, behind the others and shows it. */
  async addRecord({ prompt, context, response, segments }) {
    await this.#started;
    const taken = new Set(this.#session?.records.map(({ id }) => id));
    let number = taken.size + 1;
    while (taken.has(`pasted-${number}`)) number += 1;
    const tree = new Map([["id", `pasted-${number}`], ["prompt", prompt], ...(context ? [["context", context]] : []), ["response", response]]);
    if (segments) {
      tree.set("segments", segments.map(({ start, end }) => new Map([["start", new JsonNumber(String(start))], ["end", new JsonNumber(String(end))], ["rating", null]])));
    }
    const record = readRecord(writeJson(tree), (this.#session?.records.length ?? 0) + 1);
    if (this.#session) {
      this.#session.add([record]);
      this.#session.goTo(this.#session.records.length - 1);
      this.#showStart(false);
      this.#open(this.#session);
    } else await this.#begin(new Session("pasted.jsonl", [record], []));
    this.say("");
    announce(`Record ${this.#session.records.length} added.`);
    byId("rate-text").focus();
  }

  #showRefused(refused) {
    const shown = refused.slice(0, LISTED).map(({ line, reason }) => element("li", { class: "bad" }, element("b", {}, `line ${line}: `), visible(reason)));
    const left = refused.length - shown.length;
    if (left > 0) shown.push(element("li", { class: "bad" }, `and ${left} more lines`));
    const title = `${refused.length} ${refused.length === 1 ? "line" : "lines"} refused`;
    byId("rate-refused").replaceChildren(...(shown.length ? [element("details", { open: true }, element("summary", {}, title), element("ul", { class: "reading" }, ...shown))] : []));
  }

  #export() {
    const session = this.#session;
    const blob = new Blob([...session.lines()], { type: "application/jsonl" });
    const link = element("a", { href: URL.createObjectURL(blob), download: exportName(session.name) });
    link.click();
    // The download has to have begun before its address ends.
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    this.#exported = true;
    const left = session.refused.length ? ` ${session.refused.length} refused lines are left out.` : "";
    this.say(`${session.records.length} records exported, ${session.changed} of them changed.${left}`);
  }

  async #discard() {
    const { changed } = this.#session;
    const what = changed ? `Discard the ratings in ${changed} changed ${changed === 1 ? "record" : "records"}? This cannot be undone.` : "Close these records? Nothing was changed.";
    if (!(await confirmed(what, "Discard"))) return;
    await this.#saving;
    try {
      await this.#store?.clear();
    } catch (error) {
      this.say(`The browser's storage was not cleared: ${error.message}.`, true);
      return;
    }
    this.#kept = true;
    this.#use(null);
    this.say("Discarded.");
    byId("rate-file").focus();
  }
}

const pause = () => new Promise((resolve) => setTimeout(resolve));
