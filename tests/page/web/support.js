// What the tests of the page that computes by itself share: its server, records, and the command line beside it.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import path from "node:path";

import { zipEntries } from "../../../crates/web/page/zip.js";
import { folder, must } from "../browser/support.js";

export const at = folder();
export const dist = process.env.GRADUS_WEB;
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".json": "application/json", ".wasm": "application/wasm", ".webmanifest": "application/manifest+json" };

/** Serves folders: `/` is the page, `/bundles/` what the tests have made. `asked` has the paths of all requests. */
export function serve() {
  const asked = [];
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    asked.push(pathname);
    const name = decodeURIComponent(pathname).replace(/\/$/, "/index.html");
    const file = name.startsWith("/bundles/") ? path.join(at.path, name) : path.join(dist, name);
    if (!existsSync(file)) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { "content-type": TYPES[path.extname(file)] ?? "application/octet-stream" });
    response.end(readFileSync(file));
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const stop = () =>
        new Promise((done) => {
          server.closeAllConnections();
          server.close(done);
        });
      resolve({ url: `http://127.0.0.1:${server.address().port}/`, asked, stop });
    });
  });
}

/** Generated records, split as the page splits them, and the settings of a run of the page. */
export function generated(examples) {
  const place = (name) => at.file(`${name}-${examples}.jsonl`);
  if (!existsSync(place("all"))) {
    must("data", "generate", "--examples", String(examples), "--seed", "0", "-o", place("all"));
    must("data", "split", place("all"), "--valid", "0.15", "--test", "0.15", "--seed", "0", "--output", at.file(`split-${examples}`));
  }
  return { all: place("all"), part: (name) => path.join(at.file(`split-${examples}`), `${name}.jsonl`) };
}

/** Scores of every segment by the engine of the page itself, unrounded. */
export const scoresOf = (page, model, records) =>
  page.evaluate(
    async ({ model, records }) => {
      const answers = [];
      for (const record of records) answers.push(await globalThis.gradus.score(record, { model }));
      return answers.map(({ segments }) => segments.map(({ scores }) => Object.values(scores)[0]));
    },
    { model, records },
  );

export const readLines = (file) => readFileSync(file, "utf8").trim().split("\n").map((line) => JSON.parse(line));

/** Scores of the same records on the command line. */
export function expectedScores(bundle, records) {
  writeFileSync(at.file("in.jsonl"), records.map((record) => `${JSON.stringify(record)}\n`).join(""));
  const lines = must("score", bundle, at.file("in.jsonl")).trim().split("\n");
  return lines.map((line) => JSON.parse(line).segments.map(({ score }) => score));
}

/** The largest difference; -1 where anything else differs. */
export function distance(found, expected) {
  let largest = 0;
  assert.deepEqual(found.map((scores) => scores.length), expected.map((scores) => scores.length));
  found.forEach((scores, k) => scores.forEach((score, i) => (largest = Math.max(largest, Math.abs(score - expected[k][i])))));
  return largest;
}

export async function train(page, settings) {
  await page.getByRole("link", { name: "Train" }).click();
  for (const [id, value] of Object.entries(settings)) {
    const field = page.locator(`#train-${id}`);
    if (["part", "data", "base"].includes(id)) await field.selectOption(value);
    else await field.fill(String(value));
  }
  await page.getByRole("button", { name: "Train", exact: true }).click();
}

export const trained = (page) => page.locator("#train-status", { hasText: /^(Trained|Stopped;)/ }).waitFor();

/** Downloads a model and unpacks it; returns its folder. */
export async function downloaded(page, name) {
  await page.getByRole("link", { name: "Score" }).click();
  if (!(await page.locator("#bundles").getAttribute("open").catch(() => null))) await page.locator("#bundles").evaluate((box) => (box.open = true));
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: `Download ${name}`, exact: true }).click()]);
  const archive = at.file(`${name}.zip`);
  await download.saveAs(archive);
  mkdirSync(at.file(name), { recursive: true });
  for (const [file, content] of Object.entries(zipEntries(new Uint8Array(readFileSync(archive))))) {
    writeFileSync(path.join(at.path, file), await content());
  }
  return at.file(name);
}

/** Losses of the steps and errors of the validations in the log of a bundle. */
export function losses(bundle) {
  const { steps, validations } = JSON.parse(readFileSync(path.join(bundle, "history.json"), "utf8"));
  return [...steps.map(({ loss }) => loss), ...validations.map(({ valid_mse: mse }) => mse)];
}

/** Whether a complaint of the browser is more than that. */
export const isReal = (complaint) => complaint !== "Service Worker registration blocked by Playwright";
