import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

import { readRecords, unpacked } from "../../../crates/serve/page/jsonl.js";
import { levelsOf, scaleFor, scaleProblem } from "../../../crates/serve/page/scale.js";
import { exportName } from "../../../crates/serve/page/export-name.js";
import { page } from "../support.js";

const bytes = (text) => new TextEncoder().encode(text);
const RECORD = '{"prompt":"p","response":"a"}';

test("lines are counted as in an editor; blank ones, a byte order mark and carriage returns are passed over", async () => {
  const { records, refused } = await readRecords(bytes(`\ufeff${RECORD}\r\n\n \t\r\n${RECORD}\nnot json\n${RECORD}`));
  assert.deepEqual(records.map(({ line, id }) => [line, id]), [[1, "1"], [4, "4"], [6, "6"]]);
  assert.deepEqual(records.map(({ raw }) => raw), [RECORD, RECORD, RECORD]);
  assert.deepEqual(refused.map(({ line }) => line), [5]);
});

test("an id that stands twice is refused, a line number that is somebody's id too", async () => {
  const { refused } = await readRecords(bytes('{"id":"2","prompt":"p","response":"a"}\n{"prompt":"p","response":"a"}\n'));
  assert.deepEqual(refused, [{ line: 2, reason: 'field id: found "2" again, which line 1 has, expected distinct ids' }]);
});

test("bytes that are not UTF-8 are one line's fault", async () => {
  const wrong = Uint8Array.from([...bytes(`${RECORD}\n`), 0x7b, 0xff, 0x7d, 10, ...bytes(RECORD)]);
  const { records, refused } = await readRecords(wrong);
  assert.equal(records.length, 2);
  assert.match(refused[0].reason, /not UTF-8/);
});

test("gzip is unpacked by content; zstd, UTF-16 and damaged data are named", async () => {
  const packed = gzipSync(RECORD);
  assert.equal(new TextDecoder().decode(await unpacked(new Blob([packed]))), RECORD);
  assert.equal(new TextDecoder().decode(await unpacked(new Blob([RECORD]))), RECORD);
  await assert.rejects(unpacked(new Blob([packed.subarray(0, 20)])), /gzip data is damaged/);
  await assert.rejects(unpacked(new Blob([Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, 0])])), /zstd/);
  await assert.rejects(unpacked(new Blob([Uint8Array.from([0xff, 0xfe, 65, 0])])), /UTF-16/);
});

test("scales fit the ratings that are there", () => {
  const cases = [
    [[], [0, 1, 5]],
    [[0, 1], [0, 1, 2]],
    [[0, 0.5, 1], [0, 1, 3]],
    [[0.123], [0, 1, 5]],
    [[-1, 1, 0], [-1, 1, 3]],
    [[1, 2, 5], [1, 5, 5]],
    [[0, 3], [0, 3, 4]],
    [[3, 100], [3, 100, 5]],
  ];
  for (const [values, [low, high, levels]] of cases) {
    const scale = scaleFor(values);
    assert.deepEqual(scale, { low, high, levels }, String(values));
    assert.equal(scaleProblem(scale), null);
    const offered = levelsOf(scale);
    assert.deepEqual([offered[0], offered.at(-1), offered.length], [low, high, levels]);
  }
  assert.deepEqual(levelsOf({ low: 0, high: 1, levels: 4 }), [0, 0.333333333333, 0.666666666667, 1]);
  assert.match(scaleProblem({ low: 1, high: 1, levels: 5 }), /below/);
  assert.match(scaleProblem({ low: NaN, high: 1, levels: 5 }), /no number/);
  assert.match(scaleProblem({ low: 0, high: 1, levels: 11 }), /2 to 10/);
});

test("an export has the name of its file", () => {
  for (const [name, expected] of [["data.jsonl.gz", "data.rated.jsonl"], ["data.rated.jsonl", "data.rated.jsonl"], ["a.b.json", "a.b.rated.jsonl"], [".jsonl", "records.rated.jsonl"]]) {
    assert.equal(exportName(name), expected);
  }
});

test("the page brings no script or style that a strict content security policy refuses", () => {
  const html = readFileSync(path.join(page, "index.html"), "utf8");
  assert.doesNotMatch(html, /\son\w+=|\sstyle=|<style|javascript:/i);
  for (const [tag] of html.matchAll(/<script[^>]*>/g)) assert.match(tag, / src="[\w-]+\.js"/);
  for (const [, address] of html.matchAll(/(?:src|href)="([^"]*)"/g)) assert.doesNotMatch(address, /\/\//, "another origin");
});
