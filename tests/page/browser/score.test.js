import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { folder, launch, models, must, open, overflow, serve, train, violations } from "./support.js";
import { cpSync, readFileSync, writeFileSync } from "node:fs";

const at = folder();
let browser;
let server;

before(async () => {
  models(at);
  browser = await launch();
  server = await serve(`one=${at.file("one")}`, `two=${at.file("two")}`, `again=${at.file("one")}`);
});
after(async () => {
  await browser?.close();
  await server?.stop();
  at.clean();
});

const EMOJI = "First: 8 😀👩‍🔬. Next: 7 שלום. Then: é 3.";
const form = (page) => page.locator("#score-form");
const panel = (page, name) => page.getByRole("article", { name: `Scores of ${name}` });
const score = async (page, prompt, response) => {
  await form(page).getByLabel("Prompt").fill(prompt);
  await form(page).getByLabel("Response", { exact: true }).fill(response);
  await page.getByRole("button", { name: "Score", exact: true }).click();
  await page.locator("#score-results article").first().waitFor();
};
/** `[text, number]` of the colored segments. */
const segments = (where) => where.locator(".seg:has(bdi)").evaluateAll((all) => all.map((one) => [one.querySelector("bdi").textContent, one.querySelector("sub").textContent]));
/** What `gradus score` says of the same record. */
const expected = (bundle, record, ...more) => {
  writeFileSync(at.file("in.jsonl"), `${JSON.stringify(record)}\n`);
  return JSON.parse(must("score", at.file(bundle), at.file("in.jsonl"), ...more));
};
const shown = (value) => (Number(value.toFixed(2)) === 0 ? "0.00" : value.toFixed(2)).replace("-", "−");

test("segments carry the scores of the command line, at the right characters", async () => {
  const { page, context, complaints } = await open(browser, server.url);
  await score(page, "p", EMOJI);
  const record = expected("one", { prompt: "p", response: EMOJI });
  const characters = [...EMOJI];
  const texts = record.segments.map(({ start, end, score }) => [characters.slice(start, end).join(""), shown(score)]);
  assert.equal(texts.length, 3);
  assert.deepEqual(await segments(panel(page, "one")), texts);
  assert.equal(await panel(page, "one").locator(".text").evaluate((text) => [...text.childNodes].map((node) => node.querySelector?.("bdi")?.textContent ?? node.textContent).join("")), EMOJI);
  assert.equal(await panel(page, "one").locator(".tile .value").textContent(), shown(record.score));
  assert.deepEqual(complaints, []);
  await context.close();
});

test("two models stand side by side, and aspects are chosen", async () => {
  const { page, context, complaints } = await open(browser, server.url);
  await page.getByRole("combobox", { name: "Model", exact: true }).selectOption("two");
  await page.getByLabel("Compare with").selectOption("one");
  await score(page, "p", EMOJI);
  const two = expected("two", { prompt: "p", response: EMOJI });
  const numbers = async (name) => (await segments(panel(page, name))).map(([, number]) => number);
  for (const aspect of ["clear", "right"]) {
    await page.getByRole("radio", { name: aspect }).check();
    assert.deepEqual(await numbers("two"), two.segments.map(({ score }) => shown(score[aspect])));
  }
  const one = expected("one", { prompt: "p", response: EMOJI });
  assert.deepEqual(await numbers("one"), one.segments.map(({ score }) => shown(score)));
  await panel(page, "two").getByText("Numbers").click();
  assert.equal(await panel(page, "two").getByRole("row").count(), 4);
  assert.deepEqual(complaints, []);
  await context.close();
});

test("two models that cut alike are compared segment by segment", async () => {
  const { page, context } = await open(browser, server.url);
  await page.getByLabel("Compare with").selectOption("again");
  await score(page, "p", EMOJI);
  const { segments: scored } = expected("one", { prompt: "p", response: EMOJI });
  const rows = page.getByRole("heading", { name: "Segment by segment" }).locator("..").getByRole("row");
  const cells = await rows.evaluateAll((all) => all.slice(1).map((row) => [...row.cells].slice(1).map((cell) => cell.textContent)));
  assert.deepEqual(cells, scored.map((one) => [shown(one.score), shown(one.score), "0.00"]));
  await context.close();
});

test("the segmenter, the aggregation and the model are switched", async () => {
  const { page, context } = await open(browser, server.url);
  await form(page).getByLabel("Segments").selectOption("line");
  await page.getByText("More settings").click();
  await page.getByLabel("Response score").selectOption("min");
  await score(page, "p", "One. Two.\nThree.");
  const record = expected("one", { prompt: "p", response: "One. Two.\nThree.", segments: [{ start: 0, end: 9 }, { start: 10, end: 16 }] }, "--aggregation", "min");
  assert.deepEqual(await segments(panel(page, "one")), [["One. Two.", shown(record.segments[0].score)], ["Three.", shown(record.segments[1].score)]]);
  assert.equal(await panel(page, "one").locator(".tile .value").textContent(), shown(record.score));
  await form(page).getByLabel("Segments").selectOption("delimiter");
  await page.getByLabel("Ends with").fill(". ");
  await page.getByRole("button", { name: "Score", exact: true }).click();
  await page.getByText("One.", { exact: true }).first().waitFor();
  assert.deepEqual((await segments(panel(page, "one"))).map(([text]) => text), ["One.", "Two.\nThree."]);
  await context.close();
});

test("what was too long for the model is told, and segments without a score are marked", async () => {
  const { page, context } = await open(browser, server.url);
  await score(page, "p", "Then: 7. ".repeat(400));
  assert.match(await panel(page, "one").locator(".reading").textContent(), /\d+ tokens of the response did not fit.*\d+ of 400 segments have no score/);
  assert.ok((await panel(page, "one").locator(".seg.unscored:has(bdi)").count()) > 100);
  assert.equal((await segments(panel(page, "one"))).at(-1)[1], "no score");
  await context.close();
});

test("a long response is read in windows with a step, or cut, as the command line does", async (t) => {
  train(at, at.file("records.jsonl"), "windows", "auto");
  const other = await serve(`windows=${at.file("windows")}`);
  t.after(other.stop);
  const { page, context, complaints } = await open(browser, other.url);
  const response = "Then: 7. ".repeat(100).trim();
  const record = { prompt: "p", response };
  await page.getByText("More settings").click();
  const found = {};
  for (const [way, stride] of [["windows with a step of", "8"], ["cut at the end", "none"], ["as trained", "auto"]]) {
    await page.getByLabel("Long responses").selectOption({ label: way });
    if (stride === "8") await page.getByLabel("Window step").fill(stride);
    await score(page, "p", response);
    await page.locator("#score-status", { hasText: "100 segments." }).waitFor();
    found[stride] = (await segments(panel(page, "windows"))).map(([, number]) => number);
    const { segments: scored } = expected("windows", record, "--stride", stride);
    assert.deepEqual(found[stride], scored.map(({ score }) => (score === null ? "no score" : shown(score))), way);
  }
  assert.ok(found.none.includes("no score") && !found[8].includes("no score") && !found.auto.includes("no score"));
  // A step that is none is refused where it stands, even where that was folded away.
  await page.getByLabel("Long responses").selectOption({ label: "windows with a step of" });
  await page.getByLabel("Window step").fill("0");
  await page.getByText("More settings").click();
  await page.getByLabel("Response", { exact: true }).press("Control+Enter");
  assert.ok(await page.getByLabel("Window step").evaluate((field) => field === document.activeElement));
  assert.equal(await page.locator("#score-status").textContent(), "100 segments.");
  assert.deepEqual(complaints, []);
  await context.close();
});

test("segments at or below the threshold of the model are marked as doubtful", async () => {
  cpSync(at.file("two"), at.file("doubting"), { recursive: true });
  must("threshold", at.file("doubting"), at.file("two.jsonl"), "--cost", "wrong:missed=1:1", "--resamples", "0");
  const response = "First: 8. Next: 7. Then: 3.";
  const { segments: scored } = expected("two", { prompt: "p", response });
  // Doubtful on the first aspect: the lowest segment; on the second: none.
  const lowest = Math.min(...scored.map(({ score }) => score.clear));
  const manifest = JSON.parse(readFileSync(at.file("doubting/manifest.json"), "utf8"));
  manifest.thresholds.clear.threshold = lowest;
  manifest.thresholds.right.threshold = Math.min(...scored.map(({ score }) => score.right)) - 1;
  writeFileSync(at.file("doubting/manifest.json"), JSON.stringify(manifest));
  const doubting = await serve(`doubting=${at.file("doubting")}`);
  try {
    const { page, context, complaints } = await open(browser, doubting.url);
    await score(page, "p", response);
    await page.getByRole("radio", { name: "clear" }).check();
    const one = panel(page, "doubting");
    const labels = scored.map(({ score }) => shown(score.clear) + (score.clear === lowest ? " doubtful" : ""));
    const count = scored.filter(({ score }) => score.clear === lowest).length;
    assert.deepEqual((await segments(one)).map(([, label]) => label), labels);
    assert.equal(await one.locator(".text .doubtful").count(), count);
    assert.match(await one.locator(".reading").textContent(), new RegExp(`${count} of 3 segments (is|are) doubtful on clear: scored at most the threshold`));
    assert.match(await one.locator(".legend").textContent(), /doubtful/);
    await one.getByText("Numbers").click();
    assert.equal(await one.getByRole("cell", { name: "doubtful on clear" }).count(), count);
    assert.deepEqual(await violations(page), []);
    await page.getByRole("radio", { name: "right" }).check();
    assert.equal(await one.locator(".doubtful").count(), 0);
    assert.deepEqual(complaints, []);
    await context.close();
  } finally {
    await doubting.stop();
  }
});

test("an empty response, a refused request and a server that is gone are told", async () => {
  const { page, context } = await open(browser, server.url);
  await page.getByRole("button", { name: "Score", exact: true }).click();
  assert.match(await page.locator("#score-status").textContent(), /empty/);
  await form(page).getByLabel("Segments").selectOption("delimiter");
  await page.getByLabel("Ends with").fill("");
  await form(page).getByLabel("Response", { exact: true }).fill("One.");
  await page.getByRole("button", { name: "Score", exact: true }).click();
  await page.getByText(/Not scored: field `segmenter`: found/).waitFor();
  await context.setOffline(true);
  await page.getByRole("button", { name: "Score", exact: true }).click();
  await page.getByText("cannot be reached").waitFor();
  await context.close();
});

test("texts are shown as texts, whatever they contain", async () => {
  const { page, context, complaints } = await open(browser, server.url);
  const evil = '<img src=x onerror="window.evil=1">. <script>window.evil=1</script>. a\u202eb.';
  await score(page, evil, evil);
  const text = await panel(page, "one").locator(".text").textContent();
  assert.match(text, /<img src=x onerror="window\.evil=1">/);
  assert.match(text, /a\\u\{202e\}b/);
  assert.equal(await page.evaluate(() => window.evil), undefined);
  assert.equal(await page.locator("#score-results img, #score-results script").count(), 0);
  assert.deepEqual(complaints, []);
  await context.close();
});

test("a key is asked for and kept for the tab", async () => {
  writeFileSync(at.file("key"), "secret\n");
  const locked = await serve("--key-file", at.file("key"), `one=${at.file("one")}`);
  try {
    const { page, context } = await open(browser, locked.url, { asksForKey: true });
    await page.getByLabel("Key of this server").fill("wrong");
    await page.getByRole("button", { name: "Use this key" }).click();
    await page.getByText("The server refused the key.").waitFor();
    assert.deepEqual(await violations(page), []);
    await page.getByLabel("Key of this server").fill("secret");
    await page.keyboard.press("Enter");
    await page.getByText("gradus serve").waitFor();
    await page.reload();
    await page.getByText("gradus serve").waitFor();
    await score(page, "p", "One.");
    await context.close();
  } finally {
    await locked.stop();
  }
});

for (const width of [1280, 400]) {
  for (const colorScheme of ["light", "dark"]) {
    test(`scores at ${width} px in ${colorScheme} colors: no violation of axe, nothing beside the page`, async () => {
      const { page, context } = await open(browser, server.url, { viewport: { width, height: 800 }, colorScheme });
      await page.getByLabel("Compare with").selectOption("two");
      await score(page, `${"long".repeat(100)} p`, `${EMOJI} ${"x".repeat(300)}. ${"Then: 7. ".repeat(60)}`);
      for (const more of await page.locator("summary:visible").all()) await more.click();
      assert.deepEqual(await violations(page), []);
      assert.equal(await overflow(page), 0);
      const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      assert.equal(background, colorScheme === "dark" ? "rgb(21, 23, 26)" : "rgb(251, 250, 247)");
      await context.close();
    });
  }
}
