#!/usr/bin/env node
// How fast the page of scripts/web is, in headless Chromium: until it is ready, until a bundle is loaded and has scored, tokens
// a second, the head alone on rated records, a new model.
//
//     npm ci --prefix tests/page
//     scripts/web_speed.mjs SITE [BUNDLE RECORDS]     (SITE: what `scripts/web --output SITE` has made)
//
// With a bundle and a file of rated records it measures these, without them the training of a new model.

import { createReadStream, existsSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import path from "node:path";

import { launch, processorSeconds } from "../tests/page/browser/support.js";

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".wasm": "application/wasm" };
const TEXT = "The committee met on Tuesday to discuss the budget for the coming year. ".repeat(12);
const [site, bundle, records] = process.argv.slice(2);
if (!site || (bundle && !records)) {
  console.error("usage: scripts/web_speed.mjs SITE [BUNDLE RECORDS]");
  process.exit(2);
}

const server = createServer((request, response) => {
  const name = decodeURIComponent(new URL(request.url, "http://localhost").pathname).replace(/\/$/, "/index.html");
  const file = name.startsWith("/bundle/") ? path.join(bundle ?? "", name.slice("/bundle/".length)) : path.join(site, name);
  if (!existsSync(file)) {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, { "content-type": TYPES[path.extname(file)] ?? "application/octet-stream", "content-length": statSync(file).size });
  createReadStream(file).pipe(response);
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const browser = await launch();
const context = await browser.newContext({ serviceWorkers: "block" });
context.setDefaultTimeout(600_000);
const page = await context.newPage();
const seconds = (since) => ((performance.now() - since) / 1000).toFixed(2);

let started = performance.now();
await page.goto(`http://127.0.0.1:${server.address().port}/`);
await page.locator("body[data-ready]").waitFor();
console.log(`page ready, its own model loaded: ${seconds(started)} s`);

if (bundle) {
  await page.locator("#bundles").evaluate((box) => (box.open = true));
  started = performance.now();
  await page.locator("#bundle-address").fill("bundle/");
  await page.getByRole("button", { name: "Fetch it" }).click();
  await page.locator("#bundle-status", { hasText: "is loaded" }).waitFor();
  await page.evaluate(() => globalThis.gradus.score({ prompt: "p", response: "One. Two." }, { model: "bundle" }));
  console.log(`bundle fetched, loaded, first score: ${seconds(started)} s`);
  const [clock, busy] = [performance.now(), await processorSeconds(browser)];
  const tokens = await page.evaluate(async (response) => {
    let tokens = 0;
    for (let k = 0; k < 10; k += 1) tokens += (await globalThis.gradus.score({ prompt: "What happened?", response }, { model: "bundle" })).tokens;
    return tokens;
  }, TEXT);
  const speeds = [tokens / ((performance.now() - clock) / 1000), tokens / ((await processorSeconds(browser)) - busy)].map((speed) => speed.toFixed(0));
  console.log(`scoring, one record at a time: ${speeds[0]} tokens/s, ${speeds[1]} per second of processor time`);
  const data = { lines: readFileSync(records, "utf8"), name: path.basename(records) };
  const head = await page.evaluate(async (data) => {
    const { segments } = await globalThis.gradus.counts(data);
    const start = performance.now();
    const wish = { part: "head", epochs: 1, learning_rate: 1e-3, batch_size: 8, seed: 0 };
    await globalThis.gradus.train({ base: "bundle", data, wish }, () => {}, () => {});
    return { segments, seconds: (performance.now() - start) / 1000 };
  }, data);
  console.log(`head alone on ${head.segments} rated segments, with figures before and after: ${head.seconds.toFixed(1)} s`);
} else {
  await page.getByRole("link", { name: "Train" }).click();
  const busy = await processorSeconds(browser);
  await page.getByRole("button", { name: "Train", exact: true }).click();
  await page.locator("#train-status", { hasText: /^Trained/ }).waitFor();
  console.log(`${await page.locator("#train-status").textContent()} ${((await processorSeconds(browser)) - busy).toFixed(1)} s of processor time`);
  console.log(await page.locator("#train-result tbody").innerText());
}
await browser.close();
server.close();
