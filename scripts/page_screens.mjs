#!/usr/bin/env node
// Makes pictures of the page of `gradus serve` for whoever changes it to look at: both modes at 1280 and 400 pixels, light
// and dark, with short and with long texts.
//
//     gradus quickstart --output quickstart
//     npm ci --prefix tests/page --ignore-scripts
//     scripts/page_screens.mjs FOLDER one=quickstart two=OTHER_BUNDLE
//
// GRADUS names the binary, else it is target/release/gradus.

import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";

import { folder, launch, must, open, serve } from "../tests/page/browser/support.js";

const [pictures, ...bundles] = process.argv.slice(2);
if (!bundles.length) {
  console.error("usage: page_screens.mjs FOLDER [NAME=]BUNDLE [[NAME=]BUNDLE]");
  process.exit(2);
}
mkdirSync(pictures, { recursive: true });
const RESPONSE = `First: 8 😀👩‍🔬. Next: 7 שלום. Then: é 3. ${"A sentence that goes on for longer than a line of a narrow window has room for. ".repeat(6)}`;
const at = folder();
const server = await serve(...bundles);
const browser = await launch();

async function score(page, response) {
  await page.getByLabel("Prompt").first().fill("Dan adds 1 to 7, 6, 2, 3, 8.");
  await page.locator("#score-response").fill(response);
  if (bundles.length > 1) await page.getByLabel("Compare with").selectOption({ index: 2 });
  await page.getByRole("button", { name: "Score", exact: true }).click();
  await page.locator("#score-results article").first().waitFor();
}

async function rate(page) {
  await page.getByLabel("File of records").setInputFiles(at.file("records.jsonl"));
  await page.getByRole("listbox").focus();
  for (const key of ["5", "1", "3"]) await page.keyboard.press(key);
}

try {
  must("data", "generate", "--examples", "40", "--seed", "11", "-o", at.file("records.jsonl"));
  const aspects = { clear: 0.25, "an aspect with a rather long name": 1 };
  const long = { id: "long", prompt: RESPONSE, context: RESPONSE, response: RESPONSE, segments: [{ start: 0, end: 14, rating: aspects }, { start: 15, end: 28 }] };
  writeFileSync(at.file("aspects.jsonl"), `${JSON.stringify(long)}\n`);
  for (const width of [1280, 400]) {
    for (const colorScheme of ["light", "dark"]) {
      const shots = {
        start: async () => {},
        score: (page) => score(page, "First: 8. Next: 7. Then: 3. Next: 9. Then: 9."),
        "score-long": async (page) => {
          await score(page, RESPONSE.repeat(4));
          for (const more of await page.locator("summary:visible").all()) await more.click();
        },
        "rate-start": async () => {},
        rate,
        "rate-aspects": async (page) => {
          await page.getByLabel("File of records").setInputFiles(at.file("aspects.jsonl"));
          await page.locator("#rate-work").waitFor();
          for (const more of await page.locator("#rate-work summary:visible").all()) await more.click();
        },
        "rate-cut": async (page) => {
          await rate(page);
          await page.getByRole("button", { name: "Cut …" }).click();
        },
      };
      for (const [name, act] of Object.entries(shots)) {
        const mode = name.startsWith("rate") ? "#rate" : "";
        const { page, context } = await open(browser, `${server.url}${mode}`, { viewport: { width, height: 900 }, colorScheme });
        await act(page);
        await page.screenshot({ path: path.join(pictures, `${name}-${width}-${colorScheme}.png`), fullPage: name !== "rate-cut" });
        await context.close();
      }
    }
  }
} finally {
  await browser.close();
  await server.stop();
  at.clean();
}
