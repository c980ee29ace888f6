#!/usr/bin/env node
// Makes pictures of the page of scripts/web for whoever changes it to look at: as it opens, a scored response, a damaged
// bundle, the GPU (where the page has the module for it), a training run; at 1280 and 400 pixels, light and dark.
//
//     npm ci --prefix tests/page --ignore-scripts
//     scripts/web_screens.mjs FOLDER SITE     (SITE: what `scripts/web [--webgpu] --output SITE` has made)

import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import path from "node:path";

import { launchWithGpu, open } from "../tests/page/browser/support.js";

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".wasm": "application/wasm" };
const [pictures, site] = process.argv.slice(2);
if (!site) {
  console.error("usage: scripts/web_screens.mjs FOLDER SITE");
  process.exit(2);
}
mkdirSync(pictures, { recursive: true });
const server = createServer((request, response) => {
  const file = path.join(site, decodeURIComponent(new URL(request.url, "http://localhost").pathname).replace(/\/$/, "/index.html"));
  if (!existsSync(file)) {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, { "content-type": TYPES[path.extname(file)] ?? "application/octet-stream" }).end(readFileSync(file));
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));

const openModels = (page) => page.locator("#bundles").evaluate((box) => (box.open = true));
const shots = {
  start: async () => {},
  score: async (page) => {
    await page.getByRole("button", { name: "Score", exact: true }).click();
    await page.locator("#score-results article").first().waitFor();
    for (const more of await page.locator("summary:visible").all()) await more.click();
  },
  damaged: async (page) => {
    await openModels(page);
    const files = readdirSync(path.join(site, "quickstart")).map((name) => ({ name, mimeType: "application/octet-stream", buffer: readFileSync(path.join(site, "quickstart", name)) }));
    files.find(({ name }) => name === "model.safetensors").buffer[9999] ^= 1;
    await page.locator("#bundle-files").setInputFiles(files);
    await page.locator("#bundle-status.trouble").waitFor();
  },
  train: async (page) => {
    await page.getByRole("link", { name: "Train" }).click();
    await page.locator("#train-generated").fill("300");
    await page.getByRole("button", { name: "Train", exact: true }).click();
    await page.locator("#train-status", { hasText: /^Trained/ }).waitFor();
  },
};
if (existsSync(path.join(site, "gradus_webgpu.js"))) {
  shots.gpu = async (page) => {
    await openModels(page);
    await page.getByLabel("Compute on").selectOption("webgpu");
    await page.locator("#server", { hasText: "on the GPU" }).waitFor();
  };
}
const browser = await launchWithGpu();
try {
  for (const width of [1280, 400]) {
    for (const colorScheme of ["light", "dark"]) {
      for (const [name, act] of Object.entries(shots)) {
        const { page, context } = await open(browser, `http://127.0.0.1:${server.address().port}/`, { viewport: { width, height: 900 }, colorScheme, serviceWorkers: "block" });
        await act(page);
        await page.screenshot({ path: path.join(pictures, `${name}-${width}-${colorScheme}.png`), fullPage: true });
        await context.close();
      }
    }
  }
} finally {
  await browser.close();
  server.close();
}
