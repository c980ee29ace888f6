// The models of the page: which there are, how others are loaded.

import { button, byId, element } from "./dom.js";
import { EngineError } from "./engine.js";
import { BundleError, bundleAt, bundleOfFiles, droppedFiles } from "./bundle-files.js";
import { visible } from "./text.js";
import { ZipError, zipOf } from "./zip.js";

export class BundlesView {
  #engine;
  #changed;
  #onRemove;

  /** `changed()` is called whenever models come or go, `onRemove(name)` before one goes. */
  constructor(engine, changed, onRemove) {
    this.#engine = engine;
    this.#changed = changed;
    this.#onRemove = onRemove;
    for (const id of ["bundle-files", "bundle-folder"]) {
      byId(id).addEventListener("change", (event) => {
        const chosen = Array.from(event.target.files, (file) => ({ path: file.webkitRelativePath || file.name, file }));
        event.target.value = "";
        if (chosen.length) this.#load(() => bundleOfFiles(chosen));
      });
    }
    byId("bundle-form").addEventListener("submit", (event) => {
      event.preventDefault();
      const address = byId("bundle-address").value.trim();
      if (address) this.#load(() => bundleAt(address, (name) => this.#say(`Fetching ${visible(name)} …`)));
    });
    const drop = byId("bundle-drop");
    drop.addEventListener("dragover", (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
    drop.addEventListener("dragleave", () => drop.classList.remove("over"));
    drop.addEventListener("drop", (event) => {
      event.preventDefault();
      drop.classList.remove("over");
      const dropped = droppedFiles(event.dataTransfer);
      this.#load(async () => bundleOfFiles(await dropped));
    });
  }

  #say(text, isTrouble = false) {
    byId("bundle-status").textContent = text;
    byId("bundle-status").className = isTrouble ? "trouble" : "";
  }

  async #load(find) {
    this.#say("Reading the bundle …");
    try {
      const { name, files } = await find();
      const own = freeName(name, this.#engine.names());
      await this.#engine.load(own, files);
      this.#say(`${visible(own)} is loaded.`);
      await this.#changed(own);
    } catch (error) {
      if (!(error instanceof BundleError || error instanceof ZipError || error instanceof EngineError)) throw error;
      this.#say(`Not loaded: ${error.message}.`, true);
      await this.#changed();
    }
  }

  /** Shows which models there are. */
  show({ models }) {
    const rows = models.map((model) => {
      const size = `${model.parameters.toLocaleString("en")} parameters, reads ${model.max_length} tokens`;
      const actions = [button("Download", () => this.#download(model.name), { "aria-label": `Download ${model.name}` })];
      if (models.length > 1) actions.push(button("Remove", () => this.#remove(model.name), { "aria-label": `Remove ${model.name}` }));
      return element("li", {}, element("b", {}, element("bdi", {}, visible(model.name))), ` ${size} `, element("span", { class: "actions" }, ...actions));
    });
    byId("bundle-list").replaceChildren(...rows);
  }

  async #download(name) {
    download(`${name}.zip`, inFolder(name, await this.#engine.files(name)));
  }

  async #remove(name) {
    await this.#onRemove(name);
    await this.#engine.remove(name);
    this.#say(`${visible(name)} is removed.`);
    await this.#changed();
  }
}

/** `name`, or with a number behind it where it is taken. */
export function freeName(name, taken) {
  let free = name;
  for (let number = 2; taken.includes(free); number += 1) free = `${name}-${number}`;
  return free;
}

const inFolder = (folder, files) => Object.fromEntries(Object.entries(files).map(([name, bytes]) => [`${folder}/${name}`, bytes]));

/** Offers an archive of files. */
export function download(name, files) {
  const link = element("a", { href: URL.createObjectURL(zipOf(files)), download: name });
  link.click();
  // The download has to have begun before its address ends.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
