import assert from "node:assert/strict";
import { test } from "node:test";

import { RESPONSE, initialState, merge, rate, recut, split } from "../../../crates/serve/page/edits.js";
import { readRecord } from "../../../crates/serve/page/record.js";
import { writeRecord } from "../../../crates/serve/page/write-record.js";

const write = (record, state, line = record.line) => writeRecord(record, state, line);
const texts = (record, state) => state.segments.map(({ start, end }) => record.characters.slice(start, end));
const problem = (line) => {
  try {
    readRecord(line, 1);
  } catch (error) {
    assert.equal(error.name, "RecordError", error.stack);
    return error.message;
  }
  return null;
};

const EMOJI = '{"id":"x","prompt":"p","response":"One 😀. Twö.","segments":[{"start":0,"end":6,"rating":0.70,"text":"One 😀.","note":12345678901234567890},{"start":7,"end":11,"rating":null}],"meta":{"a":1.0},"mine":[1.50]}';

test("all four shapes are read", () => {
  const shapes = [
    '{"id":"x1","prompt":"p","context":"c","response":"One. Twö.","segments":[{"start":0,"end":4,"rating":0.7},{"start":5,"end":9,"rating":null}],"meta":{}}',
    '{"prompt":"p","response":"One. Twö.","segments":[{"start":0,"end":4,"rating":{"a":1.0,"b":null}},{"start":5,"end":9}]}',
    '{"prompt":"p","segments":["One.","Twö."],"ratings":[1.0,0.2]}',
    '{"prompt":"p","completions":["One.","Twö."],"labels":[true,false]}',
  ].map((line, k) => readRecord(line, k + 1));
  for (const record of shapes) assert.deepEqual(texts(record, initialState(record)), ["One.", "Twö."]);
  assert.equal(shapes[2].response, "One.\nTwö.");
  assert.equal(shapes[3].segments[0].ratings.rating.mine, "1");
  assert.deepEqual([shapes[0].id, shapes[1].id], ["x1", "2"]);
});

test("white space between texts is kept and not doubled, as Unicode defines white space", () => {
  assert.equal(readRecord('{"prompt":"p","completions":["a ","b","\\nc","d"]}', 1).response, "a b\nc\nd");
  assert.equal(readRecord('{"prompt":"p","completions":["a\\u0085","b","\\ufeffc"]}', 1).response, "a\u0085b\n\ufeffc");
});

test("what was not changed comes back to the byte", () => {
  const lines = [
    EMOJI,
    '{"prompt" : "p",  "response":"a","Unknown":{"x":[1e2,{"y":null}]}, "segments":[ ]}',
    '{"completions":["a","b"],"prompt":"p","labels":[0.5,null]}',
    '{"id":7,"prompt":"p","response":"ab","rating":[0.1,0.30],"segments":[{"end":2,"start":0,"rating":{"x":[1,2.0],"y":null}}]}',
  ];
  for (const line of lines) {
    const record = readRecord(line, 1);
    assert.equal(write(record, null), line);
    assert.equal(write(record, initialState(record)), line);
    const rated = rate(initialState(record), RESPONSE, "new", "1");
    assert.notEqual(write(record, rated), line);
    assert.equal(write(record, rate(rated, RESPONSE, "new", null)), line, "a rating that was taken away again");
  }
});

test("a rating changes its segment alone", () => {
  const record = readRecord(EMOJI, 1);
  const rated = write(record, rate(initialState(record), 1, "rating", "0.5"));
  assert.equal(rated, EMOJI.replace('"rating":null', '"rating":0.5'));
  const aspect = write(record, rate(initialState(record), 0, "fact", "1"));
  assert.equal(aspect, EMOJI.replace('"rating":0.70', '"rating":{"rating":0.70,"fact":1}'));
});

test("the ratings of others stay, and mine joins them", () => {
  const line = '{"id":"a","prompt":"p","response":"ab","segments":[{"start":0,"end":2,"rating":{"x":[0.20,0.8],"y":1}}]}';
  const record = readRecord(line, 1);
  const state = rate(initialState(record), 0, "x", "0.5");
  assert.equal(write(record, state), line.replace("[0.20,0.8]", "[0.20,0.8,0.5]"));
  assert.equal(write(record, rate(state, 0, "x", null)), line);
  assert.equal(write(record, rate(initialState(record), 0, "y", null)), line.replace('"y":1', '"y":null'));
});

test("the response is rated as a whole", () => {
  const line = '{"id":"a","prompt":"p","response":"ab","segments":[],"meta":{"k":1}}';
  const record = readRecord(line, 1);
  assert.equal(write(record, rate(initialState(record), RESPONSE, "rating", "0.25")), line.replace('"ab",', '"ab","rating":0.25,'));
});

test("a segment is cut in characters, its text and other keys follow", () => {
  const record = readRecord(EMOJI, 1);
  const state = split(initialState(record), record, 0, 4);
  assert.deepEqual(texts(record, state), ["One", "😀.", "Twö."]);
  const written = readRecord(write(record, state), 1);
  assert.deepEqual(texts(written, initialState(written)), ["One", "😀.", "Twö."]);
  assert.match(written.raw, /"end":3,"rating":null,"text":"One","note":12345678901234567890/);
  for (const position of [0, 6, 7, -1]) assert.equal(split(initialState(record), record, 0, position), null);
});

test("segments are joined with what lies between; equal ratings stay", () => {
  const record = readRecord(EMOJI, 1);
  const state = merge(initialState(record), 0);
  assert.deepEqual(texts(record, state), ["One 😀. Twö."]);
  assert.deepEqual(state.segments[0].ratings, {});
  const alike = rate(initialState(record), 1, "rating", "0.70");
  assert.match(write(record, merge(alike, 0)), /"end":11,"rating":0.70,"text":"One 😀. Twö."/);
  assert.equal(merge(initialState(record), 1), null);
});

test("cutting and joining again gives back the record", () => {
  const record = readRecord(EMOJI.replace("0.70", "null"), 1);
  const state = merge(split(initialState(record), record, 0, 4), 0);
  assert.equal(write(record, state), record.raw);
});

test("a response that is cut anew keeps the segments that stay", () => {
  const record = readRecord(EMOJI, 1);
  const state = recut(initialState(record), record, [{ start: 0, end: 6 }, { start: 7, end: 9 }, { start: 9, end: 11 }]);
  assert.match(write(record, state), /\{"start":0,"end":6,"rating":0.70,"text":"One 😀.".*\{"start":9,"end":11,"rating":null\}/);
});

test("segments that came as texts become spans of a response once they change", () => {
  const record = readRecord('{"x":1,"prompt":"p","completions":["a","b "],"labels":[true,null],"y":2}', 3);
  const line = write(record, rate(initialState(record), 1, "rating", "0.5"), 3);
  assert.equal(line, '{"x":1,"prompt":"p","response":"a\\nb ","segments":[{"start":0,"end":1,"rating":1},{"start":2,"end":4,"rating":0.5}],"y":2}');
  assert.deepEqual(readRecord(line, 3).segments.map(({ ratings }) => ratings.rating.mine), ["1", "0.5"]);
});

test("a record without an id keeps its name when its line changes", () => {
  const record = readRecord('{"prompt":"p","response":"a"}', 3);
  assert.equal(write(record, null, 3), record.raw);
  assert.equal(write(record, null, 2), '{"id":"3","prompt":"p","response":"a"}');
});

test("what scoring said about a text is dropped when the text changes", () => {
  const line = '{"id":"a","prompt":"p","response":"a b","segments":[{"start":0,"end":3,"rating":1,"score":0.5,"flag":"doubtful","start_utf16":0,"end_bytes":3,"k":1}]}';
  const record = readRecord(line, 1);
  assert.match(write(record, rate(initialState(record), 0, "rating", "0")), /"score":0.5,"flag":"doubtful","start_utf16":0,"end_bytes":3/);
  const cut = write(record, split(initialState(record), record, 0, 2));
  assert.doesNotMatch(cut, /score|flag|utf16|bytes/);
  assert.match(cut, /"k":1.*"k":1/);
});

test("an aspect may have any name", () => {
  const record = readRecord('{"id":"a","prompt":"p","response":"ab","segments":[{"start":0,"end":2,"rating":{"__proto__":0.5,"constructor":1}}]}', 1);
  assert.deepEqual(Object.keys(record.segments[0].ratings), ["__proto__", "constructor"]);
  assert.match(write(record, rate(initialState(record), 0, "__proto__", "0.25")), /\{"__proto__":0.25,"constructor":1\}/);
});

test("wrong records are refused with field, found and expected", () => {
  const cases = [
    ["[1]", /found a list, expected a JSON object/],
    ['{"response":"a"}', /field prompt: missing, expected a text/],
    ['{"prompt":1,"response":"a"}', /field prompt: found the number 1, expected a text/],
    ['{"prompt":"p"}', /field response: missing/],
    ['{"prompt":"p","response":"ab","segments":[{"start":0,"end":9}]}', /segments\[0\].end: found character 9, past the end of the response, expected at most 2/],
    ['{"prompt":"p","response":"ab","segments":[{"start":1,"end":1}]}', /empty span 1..1/],
    ['{"prompt":"p","response":"ab","segments":[{"start":2,"end":1}]}', /backwards span 2..1/],
    ['{"prompt":"p","response":"abc","segments":[{"start":0,"end":2},{"start":1,"end":3}]}', /overlaps segment 0 at 0..2/],
    ['{"prompt":"p","response":"abc","segments":[{"start":2,"end":3},{"start":0,"end":1}]}', /in the order of the text/],
    ['{"prompt":"p","response":"abc","segments":[{"start":0,"end":2,"rating":"x"}]}', /segments\[0\].rating: found the text "x"/],
    ['{"prompt":"p","response":"abc","segments":[{"start":0,"end":2,"rating":[]}]}', /an empty list/],
    ['{"prompt":"p","response":"abc","segments":[{"start":0,"end":2,"rating":1e400}]}', /expected a finite number/],
    ['{"prompt":"p","response":"abc","segments":[{"start":0,"end":2,"weight":-1}]}', /weight: found the number -1/],
    ['{"prompt":"p","segments":["a","b"],"ratings":[1]}', /1 rating\(s\) for 2 segment\(s\)/],
    ['{"prompt":"p","completions":["a"],"labels":[2,1]}', /2 rating\(s\) for 1 segment\(s\)/],
    ['{"prompt":"p","completions":["a"],"labels":["x"]}', /labels\[0\]: found the text "x"/],
    ['{"prompt":"p","completions":["a"],"response":"a"}', /found beside completions/],
    ['{"prompt":"p","response":"a","Segments":[]}', /field Segments: not read, expected segments/],
    ['{"prompt":"p","response":"a","rating":1,"Rating":2}', /found beside rating/],
    ['{"prompt":"p","response":"é😀ab.","segments":[{"start":3,"end":5,"text":"ab"}]}', /they count UTF-16 units: in characters the span is 2..4/],
    ['{"prompt":"p","response":"é😀ab","segments":[{"start":6,"end":8,"text":"ab"}]}', /past the end/],
    ['{"prompt":"p","response":"éabcdef","segments":[{"start":2,"end":4,"text":"ab"}]}', /they count bytes: in characters the span is 1..3/],
    ['{"prompt":"p","response":"abc","segments":[{"start":1,"end":3,"quote":"ab"}]}', /they count from 1/],
  ];
  for (const [line, expected] of cases) assert.match(problem(line) ?? "nothing", expected, line);
  assert.equal(problem('{"prompt":"p","response":"abc","segments":[{"start":1,"end":3,"quote":"else"}]}'), null);
});
