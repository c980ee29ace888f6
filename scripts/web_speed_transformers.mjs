#!/usr/bin/env node
// How fast transformers.js is on the same encoder, beside scripts/web_speed.mjs: in headless Chromium, on one thread of the
// CPU, from a local server.
//
//     npm ci --prefix tests/page
//     npm install --prefix DIR --ignore-scripts @huggingface/transformers@4
//     scripts/minilm_onnx.py MINILM MODEL      (MINILM: config.json, tokenizer.json, model.safetensors)
//     scripts/web_speed_transformers.mjs DIR/node_modules MODEL
//
// For f32 and q8 it measures the time to the first embedding, tokens a second, and what is downloaded.

import { createReadStream, existsSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import path from "node:path";
import { gzipSync } from "node:zlib";

import { launch, processorSeconds } from "../tests/page/browser/support.js";

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".json": "application/json", ".wasm": "application/wasm" };
/** That of scripts/web_speed.mjs. */
const TEXT = "The committee met on Tuesday to discuss the budget for the coming year. ".repeat(12);
const IMPORTS = { imports: { "onnxruntime-common": "/modules/onnxruntime-common/dist/esm/index.js", "onnxruntime-web/webgpu": "/modules/onnxruntime-web/dist/ort.webgpu.bundle.min.mjs" } };
const PAGE = `<!doctype html><title>transformers.js</title><script type="importmap">${JSON.stringify(IMPORTS)}</script>`;
const [modules, model] = process.argv.slice(2);
if (!modules || !model) {
  console.error("usage: scripts/web_speed_transformers.mjs NODE_MODULES MODEL");
  process.exit(2);
}

/** The files that were asked for. */
const asked = new Set();
const server = createServer((request, response) => {
  const { pathname } = new URL(request.url, "http://localhost");
  if (pathname === "/") {
    response.writeHead(200, { "content-type": "text/html" }).end(PAGE);
    return;
  }
  const [, root, ...rest] = decodeURIComponent(pathname).split("/");
  const file = path.join({ modules, models: path.dirname(path.resolve(model)) }[root] ?? "/nowhere", ...rest);
  if (!existsSync(file)) {
    response.writeHead(404).end();
    return;
  }
  asked.add(file);
  response.writeHead(200, { "content-type": TYPES[path.extname(file)] ?? "application/octet-stream", "content-length": statSync(file).size });
  createReadStream(file).pipe(response);
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const browser = await launch();

for (const dtype of ["fp32", "q8"]) {
  asked.clear();
  const context = await browser.newContext();
  context.setDefaultTimeout(600_000);
  const page = await context.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  const first = await page.evaluate(loaded, { dtype, name: path.basename(path.resolve(model)) });
  const [clock, busy] = [performance.now(), await processorSeconds(browser)];
  const tokens = await page.evaluate(read, TEXT);
  const taken = [(performance.now() - clock) / 1000, (await processorSeconds(browser)) - busy];
  await context.close();
  const [speed, ofProcessor] = taken.map((seconds) => (tokens / seconds).toFixed(0));
  console.log(`${dtype}: first embedding after ${first.toFixed(2)} s, one text at a time ${speed} tokens/s, ${ofProcessor} per second of processor time`);
  // Weights do not get smaller on the way.
  const isWeights = (file) => file.endsWith(".onnx");
  const sum = (files, size) => (files.reduce((all, file) => all + size(file), 0) / 1e6).toFixed(1);
  const [weights, rest] = [[...asked].filter(isWeights), [...asked].filter((file) => !isWeights(file))];
  const packed = sum(rest, (file) => gzipSync(readFileSync(file), { level: 9 }).length);
  console.log(`${dtype}: ${packed} MB of program and tokenizer compressed, ${sum(weights, (file) => statSync(file).size)} MB of weights`);
}
await browser.close();
server.close();

/** In the page: loads the model; seconds until the first embedding. */
async function loaded({ dtype, name }) {
  const start = performance.now();
  const { env, pipeline } = await import("/modules/@huggingface/transformers/dist/transformers.web.js");
  env.allowRemoteModels = false;
  env.allowLocalModels = true;
  env.useBrowserCache = false;
  env.localModelPath = "/models/";
  env.backends.onnx.wasm.wasmPaths = "/modules/onnxruntime-web/dist/";
  env.backends.onnx.wasm.numThreads = 1;
  globalThis.extract = await pipeline("feature-extraction", name, { dtype, device: "wasm" });
  await globalThis.extract("One. Two.", { pooling: "mean" });
  return (performance.now() - start) / 1000;
}

/** In the page: embeds a text ten times; how many tokens these were. */
async function read(text) {
  const runs = 10;
  for (let k = 0; k < runs; k += 1) await globalThis.extract(text, { pooling: "mean" });
  return runs * globalThis.extract.tokenizer(text).input_ids.dims[1];
}
