// Where the page computes: on the CPU, or on a GPU by WebGPU where the browser offers one.

import { byId } from "./dom.js";
import { EngineError } from "./engine.js";

const NAMES = { cpu: "the CPU", webgpu: "the GPU (WebGPU)" };
/** The choice, kept in the browser. */
const KEY = "gradus-device";

/** Why this browser has no GPU for the page; `null` where it has one. */
async function obstacle() {
  const { content } = document.querySelector("meta[name=gradus-devices]");
  if (!content.split(" ").includes("webgpu")) return "this page was built without WebGPU";
  if (!navigator.gpu) return "this browser has no WebGPU";
  try {
    return (await navigator.gpu.requestAdapter()) ? null : "this browser offers no WebGPU adapter";
  } catch (error) {
    return `WebGPU failed: ${error.message}`;
  }
}

export class DeviceView {
  #engine;
  #changed;
  #choice = byId("device");

  /** `changed()` is called when the device was changed. */
  constructor(engine, changed) {
    this.#engine = engine;
    this.#changed = changed;
    engine.onFallback = (reason) => {
      this.#remember("cpu");
      this.#say(`The GPU failed: ${reason}. The page goes on with the CPU.`, true);
      changed();
    };
    this.#choice.addEventListener("change", async () => {
      this.#remember(this.#choice.value);
      await this.#compute(this.#choice.value);
      await changed();
    });
  }

  /** Offers what there is, and takes up the choice of an earlier visit. */
  async start() {
    const wish = this.#remembered();
    const why = await obstacle();
    this.#choice.querySelector("[value=webgpu]").disabled = why !== null;
    if (why !== null) this.#say(`The page computes on the CPU: ${why}.`, wish === "webgpu");
    else if (wish === "webgpu") await this.#compute(wish);
  }

  /** Shows version and device. */
  show({ version }) {
    const { device } = this.#engine;
    this.#choice.value = device;
    byId("server").textContent = `Gradus ${version}, on ${NAMES[device]} of this machine`;
  }

  async #compute(device) {
    this.#choice.disabled = true;
    this.#say(device === "webgpu" ? "Starting the GPU …" : "");
    try {
      await this.#engine.compute(device);
      this.#say("");
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      this.#say(`Not on ${NAMES[device]}: ${error.message}. The page computes on ${NAMES[this.#engine.device]}.`, true);
    } finally {
      this.#choice.disabled = false;
    }
  }

  #say(text, isTrouble = false) {
    byId("device-status").textContent = text;
    byId("device-status").className = isTrouble ? "trouble" : "";
  }

  #remembered() {
    try {
      return localStorage.getItem(KEY);
    } catch {
      // Storage that the browser denies has no choice to remember.
      return null;
    }
  }

  #remember(device) {
    try {
      localStorage.setItem(KEY, device);
    } catch {
      this.#say("The browser does not keep this choice.");
    }
  }
}
