// The page that computes by itself, as static files from a server that does nothing else.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";

import { launch, must, open, overflow, violations } from "../browser/support.js";
import { at, dist, distance, downloaded, expectedScores, generated, isReal, losses, readLines, scoresOf, serve, train, trained } from "./support.js";

let browser;
let site;

before(async () => {
  assert.ok(dist && existsSync(path.join(dist, "index.html")), "GRADUS_WEB names no page: build it with scripts/web");
  browser = await launch();
  site = await serve();
});
after(async () => {
  await browser?.close();
  await site?.stop();
  at.clean();
});

/** A page without a service worker, which would answer in the place of the server. */
const opened = (options) => open(browser, site.url, { serviceWorkers: "block", ...options });

test("the first click shows a scored response, with the scores of the command line", async () => {
  const { page, context, complaints } = await opened();
  await page.getByRole("button", { name: "Score", exact: true }).click();
  await page.locator("#score-results article .seg").first().waitFor();
  assert.equal(await page.locator("#score-results article .seg:has(bdi)").count(), 5);
  const records = readLines(generated(60).all);
  const found = await scoresOf(page, "quickstart", records);
  const difference = distance(found, expectedScores(path.join(dist, "quickstart"), records));
  assert.ok(difference <= 1e-5, `scores differ by ${difference}`);
  assert.deepEqual(complaints.filter(isReal), []);
  await context.close();
});

test("what does not fit is reported, and a wish that makes no sense is refused", async () => {
  const { page, context, complaints } = await opened();
  const answer = await page.evaluate(() => globalThis.gradus.score({ prompt: "p", response: "It is so. ".repeat(200) }, { model: "quickstart", stride: "none" }));
  assert.ok(answer.truncated.response_tokens_dropped > 0);
  assert.equal(answer.segments.at(-1).unscored, "truncated");
  const windows = await page.evaluate(() => globalThis.gradus.score({ prompt: "p", response: "It is so. ".repeat(200) }, { model: "quickstart", stride: 32 }));
  assert.ok(windows.truncated.windows > 1);
  assert.equal(windows.segments.at(-1).unscored, undefined);
  const refused = (record, settings) =>
    page.evaluate(async ([record, settings]) => globalThis.gradus.score(record, settings).then(() => "scored", (error) => error.message), [record, settings]);
  assert.match(await refused({ prompt: "p", response: "r" }, { model: "nobody" }), /nobody/);
  assert.match(await refused({ prompt: "p", response: "r" }, { model: "quickstart", segmenter: "verse" }), /verse/);
  assert.match(await refused({ prompt: "p", response: "r" }, { model: "quickstart", aggregation: "most" }), /most/);
  assert.match(await refused({ prompt: "p", response: "r" }, { model: "quickstart", stride: 0 }), /1 or more/);
  assert.match(await refused({ prompt: "p", response: "r", segments: [{ start: 0, end: 9 }] }, { model: "quickstart" }), /segments\[0\]\.end/);
  assert.deepEqual(complaints.filter(isReal), []);
  await context.close();
});

test("a new model trains in the page with the losses and the scores of the command line", async () => {
  const { page, context, complaints } = await opened();
  await train(page, { generated: 200, epochs: 2 });
  await trained(page);
  assert.ok((await page.locator("#train-curve .valid-dot").count()) === 2);
  assert.equal(await page.locator("#train-result tbody tr").count(), 4);
  const bundle = await downloaded(page, "model-new");
  const { all, part } = generated(200);
  writeFileSync(at.file("same.toml"), `
[text]
max_length = 128
[scratch]
initializer_range = 0.1
[training]
epochs = 2
batch_size = 32
learning_rate = 0.002
head_learning_rate = 0.002
bucketing = false
dropout = 0.0
`);
  must("train", "--config", at.file("same.toml"), "--train", part("train"), "--valid", part("valid"), "--output", at.file("native"));
  const [found, expected] = [losses(bundle), losses(at.file("native"))];
  assert.equal(found.length, expected.length);
  found.forEach((loss, k) => assert.ok(Math.abs(loss - expected[k]) <= 1e-4 * (1 + Math.abs(expected[k])), `loss ${k}: ${loss}, expected ${expected[k]}`));
  const records = readLines(all).slice(0, 40);
  const difference = distance(await scoresOf(page, "model-new", records), expectedScores(bundle, records));
  assert.ok(difference <= 1e-5, `scores differ by ${difference}`);
  assert.deepEqual(complaints.filter(isReal), []);
  await context.close();
});

test("head, adapters and everything are trained on rated records, and each is a bundle for the command line", async () => {
  const { page, context, complaints } = await opened();
  await page.getByRole("link", { name: "Rate" }).click();
  await page.locator("#rate-file").setInputFiles(generated(60).all);
  await page.locator("#rate-work").waitFor();
  const records = readLines(generated(60).all).slice(0, 20);
  for (const [part, name] of [["head", "quickstart-head"], ["adapters", "quickstart-adapters"], ["all", "quickstart-trained"]]) {
    await train(page, { data: "rated", part, base: "quickstart", ...(part === "head" ? {} : { epochs: 1, batch: 8 }) });
    await page.locator("#train-status", { hasText: name }).waitFor();
    assert.equal(await page.locator("#train-result tbody tr").count(), 5, part);
    const bundle = await downloaded(page, name);
    const difference = distance(await scoresOf(page, name, records), expectedScores(bundle, records));
    assert.ok(difference <= 1e-5, `${part}: scores differ by ${difference}`);
  }
  assert.deepEqual(complaints.filter(isReal), []);
  await context.close();
});

test("a run that a reload interrupts goes on with the same losses", async () => {
  const { page, context } = await opened();
  // Hundreds of steps; a state is kept after the first tenth of a second.
  const settings = { generated: 200, batch: 4, epochs: 10 };
  await train(page, settings);
  const kept = () =>
    page.evaluate(
      () =>
        new Promise((resolve, reject) => {
          const request = indexedDB.open("gradus-runs", 1);
          request.onerror = () => reject(request.error);
          request.onsuccess = () => {
            const state = request.result.transaction("run").objectStore("run").get("state");
            state.onsuccess = () => {
              request.result.close();
              resolve(state.result?.step ?? null);
            };
          };
        }),
    );
  while ((await kept()) === null) {
    assert.ok(!(await page.locator("#train-status").textContent()).startsWith("Trained"), "the run ended before a state of it was kept");
  }
  await page.reload();
  await page.locator("body[data-ready]").waitFor();
  await page.getByRole("link", { name: "Train" }).click();
  const step = await kept();
  await page.evaluate(() => {
    const whole = globalThis.gradus.train.bind(globalThis.gradus);
    globalThis.gradus.train = (request, onEvents, onState) =>
      whole(request, (events) => {
        globalThis.firstStep ??= events.find(({ kind }) => kind === "step")?.step;
        onEvents(events);
      }, onState);
  });
  await page.getByRole("button", { name: "Go on" }).click();
  await trained(page);
  assert.equal(await page.evaluate(() => globalThis.firstStep), step + 1, "the run began anew");
  const resumed = losses(await downloaded(page, "model-new"));
  await page.reload();
  await page.locator("body[data-ready]").waitFor();
  assert.deepEqual(await page.evaluate(() => globalThis.gradus.names()), ["quickstart", "model-new"], "a trained model survives a reload");
  await train(page, settings);
  await trained(page);
  assert.deepEqual(losses(await downloaded(page, "model-new-2")), resumed);
  await context.close();
});

test("a run stops when asked, and what cannot be trained says why", async () => {
  const { page, context, complaints } = await opened();
  await train(page, { generated: 200, epochs: 1000 });
  await page.locator("#train-curve .valid-dot").first().waitFor();
  await page.getByRole("button", { name: "Stop and keep the best" }).click();
  await page.locator("#train-status", { hasText: "Stopped; the best weights so far" }).waitFor();
  await page.evaluate(() => document.querySelector("#train-generated").removeAttribute("min"));
  await train(page, { generated: 2, epochs: 1 });
  await page.locator("#train-status.trouble", { hasText: "Not trained:" }).waitFor();
  await train(page, { data: "rated", part: "scratch" });
  await page.locator("#train-status.trouble", { hasText: "no records to train on" }).waitFor();
  assert.deepEqual(complaints.filter(isReal), []);
  await context.close();
});

test("bundles are loaded from files, a folder, an archive and an address, and refused where they are damaged", async () => {
  mkdirSync(at.file("bundles"), { recursive: true });
  cpSync(path.join(dist, "quickstart"), at.file("bundles/mine"), { recursive: true });
  const { page, context, complaints } = await opened();
  await page.locator("#bundles").evaluate((box) => (box.open = true));
  const names = ["manifest.json", "config.json", "tokenizer.json", "model.safetensors"];
  const status = (text) => page.locator("#bundle-status", { hasText: text }).waitFor();
  await page.locator("#bundle-files").setInputFiles(names.map((name) => path.join(at.file("bundles/mine"), name)));
  await status("bundle is loaded");
  await page.locator("#bundle-folder").setInputFiles(at.file("bundles/mine"));
  await status("mine is loaded");
  const [archive] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Download mine", exact: true }).click()]);
  await archive.saveAs(at.file("bundles/mine.zip"));
  await page.locator("#bundle-files").setInputFiles(at.file("bundles/mine.zip"));
  await status("mine-2 is loaded");
  for (const address of ["bundles/mine", "bundles/mine.zip", "bundles/mine/manifest.json"]) {
    await page.locator("#bundle-address").fill(address);
    await page.getByRole("button", { name: "Fetch it" }).click();
    await status(/is loaded/);
  }
  const fetched = site.asked.filter((name) => name === "/bundles/mine/model.safetensors");
  assert.equal(fetched.length, 1, "a part is fetched once");
  const record = readLines(generated(60).all).slice(0, 1);
  const [all] = [await page.evaluate(() => globalThis.gradus.names())];
  assert.equal(all.length, 7);
  const scores = [];
  for (const name of all) scores.push(await scoresOf(page, name, record));
  for (const one of scores) assert.deepEqual(one, scores[0]);

  const refused = async (files, why) => {
    await page.locator("#bundle-status").evaluate((status) => (status.textContent = ""));
    await page.locator("#bundle-files").setInputFiles(files);
    await status(/^Not loaded/);
    assert.match(await page.locator("#bundle-status").textContent(), why);
  };
  await refused([{ name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("mine") }], /no manifest\.json/);
  await refused([{ name: "mine.zip", mimeType: "application/zip", buffer: readFileSync(at.file("bundles/mine.zip")).subarray(0, 5000) }], /zip archive/);
  const parts = names.map((name) => ({ name, mimeType: "application/octet-stream", buffer: readFileSync(path.join(at.file("bundles/mine"), name)) }));
  const flipped = Buffer.from(parts[3].buffer);
  flipped[flipped.length - 1] ^= 1;
  await refused([...parts.slice(0, 3), { ...parts[3], buffer: flipped }], /model\.safetensors.*SHA-256/);
  await refused(parts.slice(0, 3), /model\.safetensors/);
  await page.locator("#bundle-address").fill("bundles/nowhere");
  await page.getByRole("button", { name: "Fetch it" }).click();
  await status(/is not there \(status 404\)/);
  // What is loaded stays.
  assert.deepEqual(await scoresOf(page, "quickstart", record), scores[0]);
  assert.deepEqual(complaints.filter((text) => isReal(text) && !/404/.test(text)), []);
  await context.close();
});

/** A copy of a bundle whose weights are stored as bf16, in half the size. */
function halved(bundle, copy) {
  cpSync(bundle, copy, { recursive: true });
  const whole = readFileSync(path.join(bundle, "model.safetensors"));
  const length = Number(whole.readBigUInt64LE(0));
  const header = JSON.parse(whole.subarray(8, 8 + length).toString());
  const body = whole.subarray(8 + length);
  const halves = Buffer.alloc(body.length / 2);
  for (let at = 0; at < halves.length; at += 2) body.copy(halves, at, 2 * at + 2, 2 * at + 4);
  for (const tensor of Object.values(header).filter(({ dtype }) => dtype)) {
    tensor.dtype = "BF16";
    tensor.data_offsets = tensor.data_offsets.map((offset) => offset / 2);
  }
  const text = Buffer.from(JSON.stringify(header));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(text.length));
  const weights = Buffer.concat([size, text, halves]);
  writeFileSync(path.join(copy, "model.safetensors"), weights);
  const manifest = JSON.parse(readFileSync(path.join(bundle, "manifest.json"), "utf8"));
  delete manifest.weights_blake3;
  manifest.parts["model.safetensors"] = { bytes: weights.length, sha256: createHash("sha256").update(weights).digest("hex") };
  writeFileSync(path.join(copy, "manifest.json"), JSON.stringify(manifest));
}

test("weights of half the size are read, with the scores of the command line", async () => {
  halved(path.join(dist, "quickstart"), at.file("half"));
  const { page, context, complaints } = await opened();
  await page.locator("#bundles").evaluate((box) => (box.open = true));
  await page.locator("#bundle-folder").setInputFiles(at.file("half"));
  await page.locator("#bundle-status", { hasText: "half is loaded" }).waitFor();
  const records = readLines(generated(60).all).slice(0, 20);
  const found = await scoresOf(page, "half", records);
  const difference = distance(found, expectedScores(at.file("half"), records));
  assert.ok(difference <= 1e-5, `scores differ by ${difference}`);
  assert.ok(distance(found, await scoresOf(page, "quickstart", records)) > 1e-4, "rounding the weights changed nothing");
  assert.deepEqual(complaints.filter(isReal), []);
  await context.close();
});

test("the policy of the page forbids requests to other places", async () => {
  const { page, context } = await opened();
  await page.locator("#bundles").evaluate((box) => (box.open = true));
  await page.locator("#bundle-address").fill("https://example.invalid/mine");
  await page.getByRole("button", { name: "Fetch it" }).click();
  await page.locator("#bundle-status.trouble", { hasText: "of another site" }).waitFor();
  const policy = await page.locator("meta[http-equiv=Content-Security-Policy]").getAttribute("content");
  assert.match(policy, /connect-src 'self';/);
  assert.doesNotMatch(policy, /unsafe-inline|'unsafe-eval'|\*/);
  await context.close();
});

test("the page works without a network once it was there", async () => {
  const { page, context } = await open(browser, site.url);
  await page.evaluate(() => navigator.serviceWorker.ready);
  // Its files are in the browser when the worker is active.
  await page.evaluate(async () => {
    const { active } = await navigator.serviceWorker.ready;
    if (active.state !== "activated") await new Promise((resolve) => (active.onstatechange = () => active.state === "activated" && resolve()));
  });
  await context.setOffline(true);
  const before = site.asked.length;
  await page.reload();
  await page.locator("body[data-ready]").waitFor();
  await page.getByRole("button", { name: "Score", exact: true }).click();
  await page.locator("#score-results article .seg").first().waitFor();
  assert.equal(site.asked.length, before);
  await context.close();
});

test("nothing is wider than the window, and axe-core finds nothing, light and dark, on a phone and on a desk", async () => {
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [400, 1280]) {
      const { page, context } = await opened({ viewport: { width, height: 900 }, colorScheme });
      const check = async (what) => {
        assert.equal(await overflow(page), 0, what);
        assert.deepEqual(await violations(page), [], what);
        if (process.env.GRADUS_SCREENSHOTS) await page.screenshot({ path: path.join(process.env.GRADUS_SCREENSHOTS, `${what}-${width}-${colorScheme}.png`), fullPage: true });
      };
      await page.getByRole("button", { name: "Score", exact: true }).click();
      await page.locator("#score-results article .seg").first().waitFor();
      await page.locator("#bundles").evaluate((box) => (box.open = true));
      await check("score");
      await train(page, { generated: 60, epochs: 1 });
      await trained(page);
      await check("train");
      await context.close();
    }
  }
});

test("a page without a GPU says so and computes on the CPU", async () => {
  const { page, context } = await opened();
  await page.locator("#bundles").evaluate((box) => (box.open = true));
  assert.match(await page.locator("#device-status").textContent(), /^The page computes on the CPU: this (page was built without WebGPU|browser (has no WebGPU|offers no WebGPU adapter))\.$/);
  assert.ok(await page.locator("#device [value=webgpu]").evaluate((option) => option.disabled));
  assert.match(await page.locator("#server").textContent(), /on the CPU of this machine$/);
  await context.close();
});
