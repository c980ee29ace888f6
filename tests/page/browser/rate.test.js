import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";

import { folder, isReady, launch, models, must, open, overflow, serve, train, violations } from "./support.js";

const at = folder();
let browser;
let server;
let records;

before(async () => {
  records = models(at);
  browser = await launch();
  server = await serve(`one=${at.file("one")}`);
});
after(async () => {
  await browser?.close();
  await server?.stop();
  at.clean();
});

const rating = (options) => open(browser, `${server.url}#rate`, options);
const load = async (page, file) => {
  await page.getByLabel("File of records").setInputFiles(file);
  await page.locator("#rate-work").waitFor();
};
const file = (name, ...lines) => {
  writeFileSync(at.file(name), lines.map((line) => `${typeof line === "string" ? line : JSON.stringify(line)}\n`).join(""));
  return at.file(name);
};
/** The exported file: its name and text. */
const exported = async (page) => {
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Export" }).click()]);
  return { name: download.suggestedFilename(), text: readFileSync(await download.path(), "utf8") };
};
const list = (page) => page.getByRole("listbox");
const chosen = (page) => page.locator("[role=option][aria-selected=true]").textContent();
const press = async (page, ...keys) => {
  for (const key of keys) await page.keyboard.press(key);
};
/** Waits until the browser's storage has every change. */
const kept = (page) => page.locator("#rate-kept[aria-busy=false]", { hasText: "kept in this browser" }).waitFor();
const reload = async (page) => {
  await kept(page);
  await page.reload();
  await isReady(page);
};
const segment = (start, end, more) => ({ start, end, ...more });

test("a file that was only looked at comes back to the byte", async () => {
  const { page, context, complaints } = await rating();
  await load(page, records);
  for (let k = 0; k < 5; k += 1) await page.getByRole("button", { name: "Next", exact: true }).click();
  const { name, text } = await exported(page);
  assert.equal(name, "records.rated.jsonl");
  assert.equal(text, readFileSync(records, "utf8"));
  assert.deepEqual(complaints, []);
  await context.close();
});

test("responses are rated by keyboard alone, exported, validated and trained on", async () => {
  const { page, context, complaints } = await rating();
  const unrated = readFileSync(records, "utf8").trim().split("\n").slice(0, 12).map((line) => {
    const record = JSON.parse(line);
    for (const one of record.segments) one.rating = null;
    record.kept = { number: "as it was" };
    return JSON.stringify(record);
  });
  await load(page, file("unrated.jsonl", ...unrated));
  await list(page).focus();
  const keys = ["1", "3", "5", "2", "4"];
  const given = [];
  const total = unrated.reduce((sum, line) => sum + JSON.parse(line).segments.length, 0);
  for (let k = 0; k < total; k += 1) {
    await press(page, keys[k % 5]);
    given.push((Number(keys[k % 5]) - 1) / 4);
  }
  assert.equal(await page.locator("#rate-progress-text").textContent(), `${total} of ${total} segments rated`);
  const { text } = await exported(page);
  const expected = unrated.map((line) => {
    const record = JSON.parse(line);
    for (const one of record.segments) one.rating = given.shift();
    return record;
  });
  assert.deepEqual(text.trim().split("\n").map((line) => JSON.parse(line)), expected);
  writeFileSync(at.file("rated.jsonl"), text);
  must("data", "validate", at.file("rated.jsonl"));
  train(at, at.file("rated.jsonl"), "rated");
  assert.match(must("score", at.file("rated"), records), /"score":/);
  assert.deepEqual(complaints, []);
  await context.close();
});

test("a reload keeps ratings, place and undo", async () => {
  const { page, context, complaints } = await rating();
  await load(page, records);
  const original = readFileSync(records, "utf8");
  await list(page).focus();
  await press(page, "n", "n", "5", "1");
  const before = await exported(page);
  assert.notEqual(before.text, original);
  const place = await chosen(page);
  await reload(page);
  await page.locator("#rate-work").waitFor();
  assert.equal(await page.getByRole("spinbutton", { name: "Record" }).inputValue(), "3");
  assert.equal(await chosen(page), place);
  assert.equal((await exported(page)).text, before.text);
  await list(page).focus();
  await press(page, "Control+z", "z");
  assert.equal((await exported(page)).text, original);
  await reload(page);
  await page.locator("#rate-work").waitFor();
  assert.equal((await exported(page)).text, original);
  await list(page).focus();
  await press(page, "y", "Control+Shift+Z");
  assert.equal((await exported(page)).text, before.text);
  assert.equal(await page.getByRole("button", { name: "Redo" }).isDisabled(), true);
  assert.deepEqual(complaints, []);
  await context.close();
});

test("positions count characters: cutting and joining behind emoji", async () => {
  const { page, context } = await rating();
  const response = "😀👩‍🔬 yes. Then é no.";
  const end = [..."😀👩‍🔬 yes."].length;
  await load(page, file("emoji.jsonl", { id: "e", prompt: "p", response, segments: [segment(0, end, { text: "😀👩‍🔬 yes." }), segment(end + 1, [...response].length)] }));
  await list(page).focus();
  await press(page, "ArrowRight", "c");
  await page.getByRole("dialog").getByRole("button", { name: "no", exact: true }).click();
  await press(page, "5", "1");
  const cut = JSON.parse((await exported(page)).text);
  const characters = [...response];
  assert.deepEqual(cut.segments.map((one) => [characters.slice(one.start, one.end).join(""), one.rating ?? null]), [["😀👩‍🔬 yes.", null], ["Then é", 1], ["no.", 0]]);
  await list(page).focus();
  await press(page, "Home", "j");
  const joined = JSON.parse((await exported(page)).text);
  assert.deepEqual(joined.segments[0], segment(0, end + 7, { rating: null, text: "😀👩‍🔬 yes. Then é" }));
  writeFileSync(at.file("joined.jsonl"), (await exported(page)).text);
  must("data", "validate", at.file("joined.jsonl"));
  await context.close();
});

test("a key right after the cut rates the first of the two parts", async () => {
  const { page, context } = await rating();
  await load(page, file("fast.jsonl", { id: "f", prompt: "p", response: "One two.", segments: [segment(0, 8)] }));
  await list(page).focus();
  await press(page, "c");
  await page.evaluate(async () => {
    document.querySelector("#cut-words button:enabled").click();
    // No event of the browser comes in between, only what the page does at once.
    for (let k = 0; k < 8; k += 1) await null;
    document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: "5", bubbles: true, cancelable: true }));
  });
  const { segments } = JSON.parse((await exported(page)).text);
  assert.deepEqual(segments.map((one) => [one.start, one.end, one.rating ?? null]), [[0, 3, 1], [4, 8, null]]);
  await context.close();
});

test("responses without segments are cut by the server, all at once, and one step takes it back", async () => {
  const { page, context } = await rating();
  const lines = [{ id: "a", prompt: "p", response: "😀 One. Two." }, { id: "b", prompt: "p", response: "Three. Four. Five." }, { id: "c", prompt: "p", response: "" }];
  await load(page, file("uncut.jsonl", ...lines));
  await page.getByLabel("also the other responses").check();
  await page.getByRole("button", { name: "Sentences" }).click();
  await page.getByRole("option", { name: "segment 1 of 2" }).waitFor();
  const cut = (await exported(page)).text.trim().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(cut.map(({ segments }) => segments?.map(({ start, end }) => [start, end])), [[[0, 6], [7, 11]], [[0, 6], [7, 12], [13, 18]], undefined]);
  await page.getByRole("button", { name: "Undo" }).click();
  assert.equal((await exported(page)).text, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  await page.getByRole("button", { name: "One segment" }).click();
  assert.equal(await page.getByRole("option").count(), 2);
  await context.close();
});

test("each aspect is rated, by key and by mouse, and the response as a whole", async () => {
  const { page, context } = await rating();
  await load(page, file("aspects.jsonl", { id: "a", prompt: "p", response: "One. Two.", segments: [segment(0, 4, { rating: { clear: 1, right: [0.2, 0.4] } }), segment(5, 9)] }));
  await list(page).focus();
  await press(page, "ArrowRight", "1", "3");
  await page.getByRole("option", { name: "Response as a whole" }).click();
  await page.getByRole("group", { name: "right" }).getByRole("radio", { name: "1", exact: true }).check();
  await page.getByRole("option", { name: "segment 1 of 2" }).click();
  const exact = page.getByRole("group", { name: "right" }).getByLabel("exact");
  await exact.fill("0.35");
  await exact.press("Enter");
  assert.ok(await list(page).evaluate((element) => element === document.activeElement), "the keys work again");
  await exact.fill("7");
  await exact.press("Enter");
  await page.getByText("Found 7, expected 0 to 1.").waitFor();
  const record = JSON.parse((await exported(page)).text);
  const [clear, right] = [0, 0.5];
  assert.deepEqual(record.segments.map((one) => one.rating), [{ clear: 1, right: [0.2, 0.4, 0.35] }, { clear, right }]);
  assert.deepEqual(record.rating, { right: 1 });
  await context.close();
});

test("aspects are added and scales changed", async () => {
  const { page, context } = await rating();
  await load(page, file("scales.jsonl", { id: "a", prompt: "p", response: "One.", segments: [segment(0, 4)] }));
  await page.getByText("Aspects and scales").click();
  await page.getByLabel("Highest rating of rating").fill("-1");
  await page.getByRole("button", { name: "Use these scales" }).click();
  await page.getByText("expected the lowest rating below the highest").waitFor();
  await page.getByLabel("Highest rating of rating").fill("4");
  await page.getByRole("button", { name: "Add an aspect" }).click();
  await page.getByLabel("Name of the new aspect").fill("tone");
  await page.getByRole("button", { name: "Use these scales" }).click();
  await list(page).focus();
  await press(page, "5", "5");
  assert.deepEqual(JSON.parse((await exported(page)).text).segments[0].rating, { rating: 4, tone: 1 });
  await reload(page);
  await page.locator("#rate-work").waitFor();
  assert.equal(await page.getByRole("group", { name: "tone" }).count(), 1);
  await context.close();
});

test("lines that are no records are named with their reason, and left out of the export", async () => {
  const { page, context } = await rating();
  await load(page, file("wrong.jsonl", { id: "a", prompt: "p", response: "a" }, "not json", '{"prompt":"<b>p","response":"ab","segments":[{"start":0,"end":5}]}', { prompt: "p", response: "d" }));
  const refused = page.locator("#rate-refused li");
  assert.deepEqual(await refused.allTextContents(), [
    "line 2: not JSON at character 1: expected a value",
    "line 3: field segments[0].end: found character 5, past the end of the response, expected at most 2, its length in Unicode characters",
  ]);
  assert.equal((await exported(page)).text, '{"id":"a","prompt":"p","response":"a"}\n{"id":"4","prompt":"p","response":"d"}\n');
  assert.deepEqual(await violations(page), []);
  await context.close();
});

test("pasted records and responses are rated like those of a file", async () => {
  const { page, context } = await rating();
  await page.getByText("Paste instead").click();
  await page.getByLabel("Or a prompt").fill("p");
  await page.getByLabel("and its response").fill("One 😀. Two.");
  await page.getByRole("button", { name: "Add this response" }).click();
  await page.getByRole("button", { name: "Sentences" }).click();
  await page.getByRole("option", { name: "segment 2 of 2" }).click();
  await press(page, "5");
  const { text } = await exported(page);
  assert.deepEqual(JSON.parse(text), { id: "pasted-1", prompt: "p", response: "One 😀. Two.", segments: [segment(0, 6, { rating: null }), segment(7, 11, { rating: 1 })] });
  await page.getByRole("button", { name: "Load or add records" }).click();
  await page.getByLabel("and its response").fill("Three.");
  await page.getByRole("button", { name: "Add this response" }).click();
  await page.getByText("of 2", { exact: true }).waitFor();
  await reload(page);
  await page.getByText("of 2", { exact: true }).waitFor();
  await context.close();
});

test("what was scored is taken over to be rated", async () => {
  const { page, context } = await open(browser, server.url);
  await page.getByRole("button", { name: "Fill in an example" }).click();
  await page.keyboard.press("Control+Enter");
  await page.getByRole("button", { name: "Rate these segments" }).click();
  await page.getByRole("option", { name: "segment 5 of 5" }).waitFor();
  assert.equal(new URL(page.url()).hash, "#rate");
  await context.close();
});

test("records are texts, whatever they contain", async () => {
  const { page, context, complaints } = await rating();
  const evil = "<img src=x onerror=\"window.evil=1\"> a\u202eb";
  const record = { id: evil, prompt: evil, context: evil, response: evil, segments: [segment(0, 10, { rating: { [evil]: 0.5, __proto__x: 1 } })] };
  await load(page, file("<img src=x onerror=evil>.jsonl".replaceAll(/[<>]/g, "_"), record));
  await page.getByText("Aspects and scales").click();
  await page.locator("summary", { hasText: "Context" }).last().click();
  assert.equal(await page.evaluate(() => window.evil), undefined);
  assert.equal(await page.locator("main img").count(), 0);
  assert.equal((await page.locator("#rate-work").textContent()).includes("\u202e"), false);
  await list(page).focus();
  await press(page, "5");
  const { text } = await exported(page);
  assert.equal(text.includes("\u202e"), false, "spelled out in the file");
  assert.deepEqual({ ...JSON.parse(text), segments: 0 }, { ...record, segments: 0 });
  assert.deepEqual(complaints, []);
  await context.close();
});

test("another tab that opens the session takes it over, and this one says so", async () => {
  const { page, context } = await rating();
  await load(page, records);
  await kept(page);
  const other = await context.newPage();
  await other.goto(`${server.url}#rate`);
  await isReady(other);
  await other.locator("#rate-work").waitFor();
  await list(page).focus();
  await press(page, "5");
  await page.getByText("opened in another tab").waitFor();
  await list(other).focus();
  await press(other, "1");
  await other.getByRole("option", { name: / 0, segment 1 of / }).waitFor();
  await reload(other);
  await other.locator("#rate-work").waitFor();
  assert.equal(await other.getByRole("option", { name: / 0, segment 1 of / }).count(), 1);
  await context.close();
});

test("changes are not lost by a click: loading and discarding ask first", async () => {
  const { page, context } = await rating();
  await load(page, records);
  await list(page).focus();
  await press(page, "5");
  await page.getByRole("button", { name: "Load or add records" }).click();
  await page.getByLabel("File of records").setInputFiles(records);
  await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
  assert.equal(await page.getByRole("button", { name: "Undo" }).isDisabled(), false);
  await page.getByRole("button", { name: "Discard these records" }).click();
  assert.deepEqual(await violations(page), []);
  await page.getByRole("dialog").getByRole("button", { name: "Discard" }).click();
  await page.getByText("Discarded.").waitFor();
  const left = await page.evaluate(async () => {
    const result = (request) => new Promise((resolve) => (request.onsuccess = () => resolve(request.result)));
    const database = await result(indexedDB.open("gradus-rating"));
    return result(database.transaction("records").objectStore("records").count());
  });
  assert.equal(left, 0);
  assert.equal(await page.locator("#rate-work").isVisible(), false);
  await context.close();
});

test("keys do nothing in a field, and a screen reader hears what happens", async () => {
  const { page, context } = await rating();
  await load(page, file("said.jsonl", { id: "a", prompt: "p", response: "One. Two.", segments: [segment(0, 4), segment(5, 9)] }, { id: "b", prompt: "p", response: "x" }));
  await page.getByRole("spinbutton", { name: "Record" }).focus();
  await press(page, "n", "c", "z");
  assert.equal(await page.getByRole("spinbutton", { name: "Record" }).inputValue(), "1");
  await list(page).focus();
  const said = async () => (await page.locator("#announcer").textContent()).trim();
  await press(page, "4");
  assert.equal(await said(), "0.75. Segment 2 of 2, unrated: Two.");
  await press(page, "Delete");
  assert.equal(await said(), "There is no rating of yours to clear.");
  await press(page, "n");
  assert.match(await said(), /^Record 2 of 2\. Response as a whole/);
  await press(page, "z");
  assert.match(await said(), /^Undone: rating 0\.75\. Segment 1 of 2, unrated/);
  const active = await list(page).getAttribute("aria-activedescendant");
  assert.equal(await page.getByRole("option", { name: "One. unrated, segment 1 of 2", exact: true, selected: true }).getAttribute("id"), active);
  await press(page, "?");
  assert.ok(await page.getByRole("cell", { name: "cut the segment in two" }).isVisible());
  await context.close();
});

test("a file of ten thousand records opens and is walked through", async () => {
  const { page, context } = await rating();
  must("data", "generate", "--examples", "10000", "--seed", "1", "-o", at.file("many.jsonl"));
  await load(page, at.file("many.jsonl"));
  await page.getByText("of 10000", { exact: true }).waitFor();
  await list(page).focus();
  await press(page, ..."5".repeat(20));
  await reload(page);
  await page.getByText("of 10000", { exact: true }).waitFor();
  assert.equal((await exported(page)).text.trim().split("\n").length, 10_000);
  await context.close();
});

for (const width of [1280, 400]) {
  for (const colorScheme of ["light", "dark"]) {
    test(`rates at ${width} px in ${colorScheme} colors: no violation of axe, nothing beside the page`, async () => {
      const { page, context } = await rating({ viewport: { width, height: 800 }, colorScheme });
      assert.deepEqual(await violations(page), []);
      const long = "x".repeat(300);
      const ratings = { clear: 0.25, [`an aspect with a name that is ${long}`]: 1 };
      await load(page, file("long.jsonl", { id: long, prompt: long, context: `c ${long}`, response: `One. ${long} Two.`, segments: [segment(0, 4, { rating: ratings }), segment(5, 309)] }));
      for (const more of await page.locator("#rate summary:visible").all()) await more.click();
      await page.getByRole("button", { name: "Add an aspect" }).click();
      assert.deepEqual(await violations(page), []);
      assert.equal(await overflow(page), 0);
      await page.getByRole("button", { name: "Cut …" }).click();
      assert.deepEqual(await violations(page), []);
      await context.close();
    });
  }
}
