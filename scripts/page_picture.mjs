#!/usr/bin/env node
// Makes docs/rating.png: the rating mode of the page of `gradus serve`, with some segments rated.
//
//     gradus quickstart --output quickstart
//     npm ci --prefix tests/page --ignore-scripts
//     scripts/page_picture.mjs quickstart docs/rating.png
//
// GRADUS names the binary, else it is target/release/gradus.

import { folder, launch, must, open, serve } from "../tests/page/browser/support.js";

const [bundle, picture] = process.argv.slice(2);
if (!picture) {
  console.error("usage: page_picture.mjs BUNDLE PICTURE");
  process.exit(2);
}
const at = folder();
const server = await serve(bundle);
const browser = await launch();
try {
  must("data", "generate", "--examples", "40", "--seed", "11", "-o", at.file("generated.jsonl"));
  const { page } = await open(browser, `${server.url}#rate`, { viewport: { width: 1000, height: 620 } });
  await page.getByLabel("File of records").setInputFiles(at.file("generated.jsonl"));
  await page.getByRole("listbox").focus();
  for (const key of ["n", "End", "Delete", "Home", "5", "4"]) await page.keyboard.press(key);
  await page.screenshot({ path: picture });
} finally {
  await browser.close();
  await server.stop();
  at.clean();
}
