// The page refuses exactly the lines that `gradus data validate` refuses, and what it writes is valid.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";

import { initialState, merge, rate, split } from "../../../crates/serve/page/edits.js";
import { readRecords } from "../../../crates/serve/page/jsonl.js";
import { readRecord } from "../../../crates/serve/page/record.js";
import { writeRecord } from "../../../crates/serve/page/write-record.js";
import { numbers, run } from "../support.js";

/** Lines that are refused, by the program. */
function refusedLines(folder, lines) {
  const file = path.join(folder, "lines.jsonl");
  writeFileSync(file, `${lines.join("\n")}\n`);
  const { status, stdout, stderr } = run("data", "validate", "--json", file);
  assert.ok([0, 2].includes(status), stderr);
  const { problems } = JSON.parse(stdout)[0];
  return new Map(problems.map((problem) => [Number(problem.slice(file.length + 1).split(":")[0]), problem]));
}

/** Holds the page against the program, line by line. */
async function judgedAlike(lines, refused) {
  const page = await readRecords(new TextEncoder().encode(`${lines.join("\n")}\n`));
  const problems = new Map(page.refused.map(({ line, reason }) => [line, reason]));
  lines.forEach((line, k) => {
    assert.equal(problems.has(k + 1), refused.has(k + 1), `${line}\npage: ${problems.get(k + 1)}\nprogram: ${refused.get(k + 1)}`);
  });
}

const GOOD = [
  '{"id":"x1","prompt":"p","context":"c","response":"One. Twö 😀.","segments":[{"start":0,"end":4,"rating":0.7,"text":"One."},{"start":5,"end":11,"rating":null,"weight":2}],"meta":{"a":1}}',
  '{"prompt":"p","response":"abc","rating":{"x":0.5,"y":[1,2]},"segments":[{"start":0,"end":1,"rating":{"x":0.25,"y":null}},{"start":1,"end":3,"rating":[0.5,1]}]}',
  '{"id":7,"prompt":"p","segments":["añb ","c d"],"ratings":[1.0,{"x":0.2}]}',
  '{"prompt":"p","segments":["a","b"],"ratings":{"x":[0.1,null],"y":[0.2,0.4]}}',
  '{"prompt":"p","completions":["a","b","c"],"labels":[true,0.7,null]}',
  '{"prompt":"p","response":"r","segments":null,"id":null,"context":null,"meta":null,"rating":null}',
];
const TOKENS = [
  "null", "true", "0", "1", "-1", "0.5", "1e400", "-0", "9007199254740993", "12345678901234567890123", "NaN", '""', '"a"', '"abc"', "[]", "{}", "[1]", "[true]", '{"x":1}', '{"x":"a"}', "2", "3", "11", "12",
  '"id"', '"prompt"', '"context"', '"response"', '"rating"', '"segments"', '"meta"', '"ratings"', '"completions"', '"labels"', '"start"', '"end"', '"weight"', '"text"', '"quote"', '"Rating"', '"re-sponse"', '"\\ud83d"', '"\\u00e9"', "{", "}", ",", "]",
];
/** `SEED` tries other records. */
const seed = Number(process.env.SEED ?? 0);
const FIRST_KEY = TOKENS.indexOf('"id"');

test("every line of a good file with one part exchanged is judged alike", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "gradus-page-"));
  const random = numbers(seed + 4);
  const lines = [...GOOD];
  for (const line of GOOD) {
    const parts = line.match(/"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|[a-z]+|[^\s]/g);
    for (let round = 0; round < 400; round += 1) {
      const changed = [...parts];
      // Mostly a value or key, sometimes a sign of JSON, sometimes nothing.
      const places = random(4) ? [...parts.keys()].filter((at) => !/^[{}[\],:]$/.test(parts[at])) : [...parts.keys()];
      const place = places[random(places.length)];
      const isKey = parts[place + 1] === ":";
      changed[place] = random(12) === 0 ? "" : TOKENS[isKey ? FIRST_KEY + random(TOKENS.length - FIRST_KEY) : random(FIRST_KEY)];
      lines.push(changed.join(""));
    }
  }
  // Else most would be refused for the id alone.
  const named = lines.map((line, k) => line.replace(/"id":(?:"(?:[^"\\]|\\.)*"|-?[1-9]\d?|0)(?=[,}])/, `"id":"n${k}"`));
  const refused = refusedLines(folder, named);
  assert.ok(refused.size > 500 && refused.size < named.length - 300, `${refused.size} of ${named.length} refused`);
  await judgedAlike(named, refused);
  rmSync(folder, { recursive: true });
});

test("texts of spans in other units and under other names are judged alike", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "gradus-page-"));
  const random = numbers(seed + 5);
  const signs = ["a", "b", "é", "😀", " ", "x"];
  const word = (most) => Array.from({ length: 1 + random(most) }, () => signs[random(signs.length)]).join("");
  const lines = Array.from({ length: 2000 }, () => {
    const response = word(8);
    const start = random(8);
    const characters = [...response];
    const text = random(2) ? characters.slice(random(4), 4 + random(4)).join("") : word(3);
    const key = ["text", "quote", "sentence"][random(3)];
    return JSON.stringify({ prompt: "p", response, segments: [{ start, end: start + 1 + random(4), [key]: text }] });
  });
  // The program gives up on a file that begins with wrong records alone.
  lines.unshift('{"prompt":"p","response":"a"}');
  const refused = refusedLines(folder, lines);
  assert.ok(refused.size > 300 && refused.size < 1900, `${refused.size} refused`);
  await judgedAlike(lines, refused);
  rmSync(folder, { recursive: true });
});

test("whatever a rater does, the program reads the result, and the same segments", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "gradus-page-"));
  const random = numbers(seed + 6);
  const { records } = await readRecords(new TextEncoder().encode(GOOD.join("\n")));
  const written = [];
  for (let round = 0; round < 600; round += 1) {
    const record = records[round % records.length];
    let state = initialState(record);
    for (let step = 0; step < 1 + random(8); step += 1) {
      const count = state.segments.length;
      const acts = [
        () => rate(state, random(count + 1) - 1, ["rating", "x", "new"][random(3)], [null, "0.5", "-2"][random(3)]),
        () => (count ? merge(state, random(count)) : null),
        () => (count ? split(state, record, random(count), random(record.characters.length + 1)) : null),
      ];
      state = acts[random(3)]() ?? state;
    }
    const line = writeRecord(record, state, record.line);
    const again = readRecord(line, record.line);
    assert.deepEqual(again.segments.map(({ start, end }) => [start, end]), state.segments.map(({ start, end }) => [start, end]));
    assert.deepEqual([again.prompt, again.context, again.response], [record.prompt, record.context, record.response]);
    written.push(line.replace(/"id":(?:"x1"|7|null),|^\{(?!.*"id":)/, (found) => `${found.startsWith("{") ? "{" : ""}"id":"n${round}",`));
  }
  assert.deepEqual([...refusedLines(folder, written).values()], []);
  rmSync(folder, { recursive: true });
});

test("files that other programs wrote are judged alike", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "gradus-page-"));
  const file = path.join(folder, "generated.jsonl");
  assert.equal(run("data", "generate", "--examples", "200", "--seed", "3", "-o", file).status, 0);
  const { records, refused } = await readRecords(readFileSync(file));
  assert.deepEqual([records.length, refused.length], [200, 0]);
  const twice = [...GOOD, GOOD[0]];
  const page = await readRecords(new TextEncoder().encode(twice.join("\n")));
  assert.deepEqual(page.refused.map(({ line }) => line), [...refusedLines(folder, twice).keys()]);
  rmSync(folder, { recursive: true });
});
