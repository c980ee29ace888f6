// A browser, a server with two small models, and a page in it.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import axe from "axe-core";
import { chromium } from "playwright-core";

import { gradus, run } from "../support.js";

/** Chromium: `CHROMIUM`, or the first of the usual names on the path. */
function browserPath() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  const folders = (process.env.PATH ?? "").split(path.delimiter);
  const names = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"];
  const found = names.flatMap((name) => folders.map((folder) => path.join(folder, name))).find((file) => existsSync(file));
  if (!found) throw new Error(`no Chromium on the path (${names.join(", ")}): install one, or name it in CHROMIUM`);
  return found;
}

export const launch = () => chromium.launch({ executablePath: browserPath(), args: ["--no-sandbox"] });

/** A browser with WebGPU: in software, where there is no GPU. */
export const launchWithGpu = () =>
  chromium.launch({
    executablePath: browserPath(),
    ignoreDefaultArgs: ["--headless", "--disable-gpu"],
    args: ["--headless=new", "--no-sandbox", "--enable-unsafe-webgpu"],
  });

/** Seconds of processor time that a browser has used; unlike the clock's, they say the same beside other work. */
export async function processorSeconds(browser) {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  return processInfo.reduce((sum, { cpuTime }) => sum + cpuTime, 0);
}

const TINY = `
[scratch]
d_model = 16
num_layers = 1
num_heads = 2
d_ff = 32

[training]
epochs = 1
batch_size = 16
learning_rate = 1e-3
`;

/** A run of the binary that has to succeed. */
export function must(...args) {
  const { status, stdout, stderr } = run(...args);
  if (status !== 0) throw new Error(`gradus ${args.join(" ")}: exit code ${status}\n${stderr}`);
  return stdout;
}

/** A folder for files, removed by `clean`. */
export function folder() {
  const made = mkdtempSync(path.join(tmpdir(), "gradus-page-"));
  return { path: made, file: (name) => path.join(made, name), clean: () => rmSync(made, { recursive: true, force: true }) };
}

/** Trains a model in a second on a file of records; it cuts long responses, or reads them in windows with this step. */
export function train(at, records, bundle, stride = "none") {
  writeFileSync(at.file("tiny.toml"), TINY);
  must("train", "--stride", stride, "--config", at.file("tiny.toml"), "--train", records, "--valid", records, "--output", at.file(bundle));
}

/** Trains two models, `one` with the aspect `rating`, `two` with the aspects `clear` and `right`. */
export function models(at) {
  const records = at.file("records.jsonl");
  must("data", "generate", "--examples", "60", "--seed", "7", "-o", records);
  train(at, records, "one");
  const two = readFileSync(records, "utf8").trim().split("\n").map((line) => {
    const record = JSON.parse(line);
    record.segments.forEach((segment, k) => (segment.rating = { right: segment.rating, clear: (k % 3) / 2 }));
    return JSON.stringify(record);
  });
  writeFileSync(at.file("two.jsonl"), `${two.join("\n")}\n`);
  train(at, at.file("two.jsonl"), "two");
  return records;
}

/** Starts `gradus serve` on a free port with these arguments. */
export async function serve(...args) {
  const child = spawn(gradus(), ["serve", "--listen", "127.0.0.1:0", ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  const url = await new Promise((resolve, reject) => {
    const hear = (text) => {
      said += text;
      const address = /http:\/\/127\.0\.0\.1:\d+/.exec(said);
      if (address) resolve(`${address[0]}/`);
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    child.on("exit", (code) => reject(new Error(`gradus serve ended with ${code}:\n${said}`)));
    setTimeout(() => reject(new Error(`gradus serve named no address within 60 s:\n${said}`)), 60_000).unref();
  });
  for (;;) {
    const response = await fetch(`${url}ready`);
    if (response.ok) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    url,
    stop: () =>
      new Promise((resolve) => {
        child.removeAllListeners("exit");
        child.on("exit", resolve);
        child.kill("SIGTERM");
      }),
  };
}

/** A new page that knows the models, unless it has to ask for a key first, and everything that its browser complained of. */
export async function open(browser, url, { asksForKey = false, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: "en-US", ...options });
  // Longer than anything takes, also on a machine that does much else.
  context.setDefaultTimeout(300_000);
  const page = await context.newPage();
  const complaints = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.stack));
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== new URL(url).origin) complaints.push(`a request to ${request.url()}`);
  });
  await page.goto(url);
  if (!asksForKey) await isReady(page);
  return { page, context, complaints };
}

/** Waits until the page knows the models and has opened the session that the browser keeps. */
export const isReady = (page) => page.locator("body[data-ready]").waitFor();

/** What axe-core finds wrong, for messages. The page's own policy keeps out scripts, so axe goes in past it. */
export async function violations(page) {
  await page.evaluate(axe.source);
  const { violations: found } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${target} ${failureSummary}`).join(" | ")}`);
}

/** Whether the page is wider than its window. */
export const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
