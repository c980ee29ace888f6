// The same page with the module that computes by WebGPU, in software where there is no GPU.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";

import { launch, launchWithGpu, open } from "../browser/support.js";
import { at, dist, distance, downloaded, expectedScores, generated, isReal, losses, readLines, scoresOf, serve, train, trained } from "./support.js";

/** How far scores and losses of a GPU may be from those of the CPU. */
const TOLERANCE = 1e-4;

let browser;
let site;

before(async () => {
  assert.ok(existsSync(path.join(dist, "gradus_webgpu.js")), "the page has no module for WebGPU: build it with scripts/web --webgpu");
  browser = await launchWithGpu();
  site = await serve();
});
after(async () => {
  await browser?.close();
  await site?.stop();
  at.clean();
});

const opened = () => open(browser, site.url, { serviceWorkers: "block" });
const device = (page) => page.locator("#server").textContent();

async function onGpu() {
  const found = await opened();
  const { page } = found;
  await page.locator("#bundles").evaluate((box) => (box.open = true));
  await page.getByLabel("Compute on").selectOption("webgpu");
  await page.locator("#server", { hasText: "on the GPU (WebGPU)" }).waitFor();
  return found;
}

test("the module for the GPU is loaded once it is chosen, and scores as the command line does", async () => {
  const { page, context } = await opened();
  assert.match(await device(page), /on the CPU/);
  assert.deepEqual(site.asked.filter((name) => name.includes("webgpu")), []);
  await context.close();

  const gpu = await onGpu();
  assert.ok(site.asked.includes("/gradus_webgpu_bg.wasm"));
  const records = readLines(generated(60).all).slice(0, 20);
  const difference = distance(await scoresOf(gpu.page, "quickstart", records), expectedScores(path.join(dist, "quickstart"), records));
  assert.ok(difference <= TOLERANCE, `scores differ by ${difference}`);
  // The choice is kept.
  await gpu.page.reload();
  await gpu.page.locator("body[data-ready]").waitFor();
  assert.match(await device(gpu.page), /on the GPU/);
  await gpu.page.getByLabel("Compute on").selectOption("cpu", { force: true });
  await gpu.page.locator("#server", { hasText: "on the CPU" }).waitFor();
  assert.deepEqual(gpu.complaints.filter(isReal), []);
  await gpu.context.close();
});

// A GPU draws other first weights than the processor, so the losses are not those of the command line.
test("a new model learns on the GPU, and the command line scores its bundle alike", async () => {
  const { page, context } = await onGpu();
  await train(page, { generated: 60, epochs: 2, batch: 16 });
  await trained(page);
  const bundle = await downloaded(page, "model-new");
  const found = losses(bundle);
  assert.ok(found.length > 4 && found.every(Number.isFinite), `${found}`);
  assert.ok(found.at(-1) < found[0], `${found}`);
  const records = readLines(generated(60).all).slice(0, 10);
  const difference = distance(await scoresOf(page, "model-new", records), expectedScores(bundle, records));
  assert.ok(difference <= TOLERANCE, `scores differ by ${difference}`);
  await context.close();
});

test("the head alone, adapters and everything train on the GPU with the results of the CPU", async () => {
  const [gpu, cpu] = [await onGpu(), await opened()];
  for (const part of ["head", "adapters", "all"]) {
    const [found, expected] = [await reportOf(gpu.page, part), await reportOf(cpu.page, part)];
    assert.ok(expected.length > 4, part);
    assert.equal(found.length, expected.length, part);
    found.forEach((value, k) => assert.ok(Math.abs(value - expected[k]) <= 10 * TOLERANCE * (1 + Math.abs(expected[k])), `${part}, number ${k}: ${value}, expected ${expected[k]}`));
  }
  // Still there, and nothing fell back meanwhile.
  assert.match(await device(gpu.page), /on the GPU/);
  assert.deepEqual(gpu.complaints.filter(isReal), []);
  await gpu.context.close();
  await cpu.context.close();
});

/** Losses, errors of the validations, and the held-out errors before and after, of a run on generated records from the quickstart's model. */
async function reportOf(page, part) {
  const report = await page.evaluate(async (part) => {
    const wish = { part, epochs: 1, learning_rate: 1e-3, batch_size: 8, seed: 0 };
    const { report } = await globalThis.gradus.train({ base: "quickstart", data: { generated: 40, seed: 1 }, wish }, () => {}, () => {});
    return report;
  }, part);
  const { steps = [], validations = [] } = report.history ?? {};
  const errors = [...report.before, ...report.after].map(({ model }) => model.mse);
  const chosen = (report.head?.aspects ?? []).flatMap(({ points }) => points.map(({ valid_mse: mse }) => mse));
  return [...steps.map(({ loss }) => loss), ...validations.map(({ valid_mse: mse }) => mse), ...errors, ...chosen];
}

test("a browser without an adapter says so and goes on with the CPU, also where the GPU was chosen before", async () => {
  const plain = await launch();
  const { page, context } = await open(plain, site.url, { serviceWorkers: "block" });
  await page.evaluate(() => localStorage.setItem("gradus-device", "webgpu"));
  await page.reload();
  await page.locator("body[data-ready]").waitFor();
  assert.match(await page.locator("#device-status").textContent(), /computes on the CPU: this browser (has no WebGPU|offers no WebGPU adapter)/);
  assert.match(await device(page), /on the CPU/);
  assert.ok(await page.locator("#device [value=webgpu]").evaluate((option) => option.disabled));
  const records = readLines(generated(60).all).slice(0, 2);
  assert.equal((await scoresOf(page, "quickstart", records)).length, 2);
  await context.close();
  await plain.close();
});

test("a module that cannot be loaded says so and goes on with the CPU", async () => {
  const { page, context } = await opened();
  await page.route("**/gradus_webgpu_bg.wasm", (route) => route.fulfill({ status: 404 }));
  await page.locator("#bundles").evaluate((box) => (box.open = true));
  await page.getByLabel("Compute on").selectOption("webgpu");
  await page.locator("#device-status.trouble", { hasText: "The page computes on the CPU" }).waitFor();
  assert.equal(await page.getByLabel("Compute on").inputValue(), "cpu");
  const records = readLines(generated(60).all).slice(0, 2);
  assert.equal((await scoresOf(page, "quickstart", records)).length, 2);
  await context.close();
});
