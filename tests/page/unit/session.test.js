import assert from "node:assert/strict";
import { test } from "node:test";

import { merge, rate, split } from "../../../crates/serve/page/edits.js";
import { readRecord } from "../../../crates/serve/page/record.js";
import { Session } from "../../../crates/serve/page/session.js";
import { numbers } from "../support.js";

const LINES = [
  '{"id":"a","prompt":"p","response":"One. Two. Three.","segments":[{"start":0,"end":4,"rating":0.5},{"start":5,"end":9},{"start":10,"end":16}]}',
  '{"id":"b","prompt":"p","response":"One. Two.","segments":[{"start":0,"end":4},{"start":5,"end":9,"rating":{"rating":1,"clear":2}}]}',
  '{"id":"c","prompt":"p","response":"One."}',
];
const open = (lines = LINES) => new Session("x.jsonl", lines.map((line, k) => readRecord(line, k + 1)), []);
const text = (session) => [...session.lines()].join("");

test("aspects and scales come from the ratings", () => {
  const { aspects } = open();
  assert.deepEqual(aspects.map(({ name }) => name), ["rating", "clear"]);
  assert.deepEqual(open([LINES[2]]).aspects, [{ name: "rating", low: 0, high: 1, levels: 5 }]);
});

test("undo takes back step by step, redo gives it again, a new step ends the redo", () => {
  const session = open();
  const before = text(session);
  session.apply("first", [[0, rate(session.state(0), 1, "rating", "1")]]);
  const first = text(session);
  session.goTo(1, 0);
  session.apply("second", [[1, rate(session.state(1), 0, "rating", "0")]]);
  const second = text(session);
  assert.equal(session.undo(), "second");
  assert.equal(text(session), first);
  assert.equal(session.undo(), "first");
  assert.equal(text(session), before);
  assert.equal(session.undo(), null);
  assert.equal(session.redo(), "first");
  assert.equal(session.redo(), "second");
  assert.equal(text(session), second);
  assert.deepEqual(session.position, { record: 1, segment: 0, aspect: 0 });
  session.undo();
  session.apply("third", [[2, rate(session.state(2), -1, "rating", "1")]]);
  assert.equal(session.canRedo, false);
});

test("what changes nothing is no step", () => {
  const session = open();
  assert.equal(session.apply("same", [[0, rate(session.state(0), 0, "rating", "0.5")]]), false);
  assert.equal(session.canUndo, false);
  session.apply("away", [[0, rate(session.state(0), 1, "rating", "1")]]);
  session.apply("back", [[0, rate(session.state(0), 1, "rating", null)]]);
  assert.equal(session.changed, 0);
  assert.equal(text(session), text(open()));
});

test("progress counts segments that are rated on every aspect", () => {
  const session = open();
  assert.deepEqual(session.progress(), { segments: 5, rated: 1, uncut: 1 });
  session.setAspects(session.aspects.slice(0, 1));
  assert.deepEqual(session.progress(), { segments: 5, rated: 2, uncut: 1 });
  session.apply("rating", [[0, rate(session.state(0), 1, "rating", "1")]]);
  assert.equal(session.progress().rated, 3);
  session.undo();
  assert.equal(session.progress().rated, 2);
});

test("the next unrated segment is found behind, then from the start", () => {
  const session = open();
  session.setAspects(session.aspects.slice(0, 1));
  assert.deepEqual(session.nextUnrated({ record: 0, segment: 0 }), { record: 0, segment: 1 });
  assert.deepEqual(session.nextUnrated({ record: 0, segment: 2 }), { record: 1, segment: 0 });
  assert.deepEqual(session.nextUnrated({ record: 1, segment: 0 }), { record: 0, segment: 1 });
  for (const [record, segment] of [[0, 1], [0, 2], [1, 0]]) session.apply("rating", [[record, rate(session.state(record), segment, "rating", "1")]]);
  assert.equal(session.nextUnrated({ record: 0, segment: 0 }), null);
});

test("what a session keeps opens as the same session, whatever was done", () => {
  const random = numbers(3);
  for (let round = 0; round < 100; round += 1) {
    const session = open();
    const kept = { states: new Map(), history: [] };
    session.onChange = ({ states = [], added }) => {
      for (const [place, state] of states) {
        if (state) kept.states.set(place, structuredClone(state));
        else kept.states.delete(place);
      }
      if (added) kept.history.splice(added.seq, Infinity, structuredClone(added.entry));
    };
    for (let step = 0; step < 30; step += 1) {
      const place = random(3);
      const state = session.state(place);
      const count = state.segments.length;
      const acts = [
        () => session.undo(),
        () => session.redo(),
        () => rate(state, random(count + 1) - 1, ["rating", "clear"][random(2)], [null, "0", "0.5"][random(3)]),
        () => count && merge(state, random(count)),
        () => count && split(state, session.records[place], random(count), random(17)),
      ];
      const after = acts[random(acts.length)]();
      if (after?.segments) session.apply("step", [[place, after]]);
    }
    const { position, aspects, settings, done } = session;
    const again = new Session("x.jsonl", open().records, [], structuredClone({ ...kept, position, aspects, settings, done }));
    assert.equal(text(again), text(session));
    for (const line of again.lines()) readRecord(line, 1);
    while (session.canUndo) {
      session.undo();
      again.undo();
      assert.equal(text(again), text(session));
    }
    assert.equal(text(again), LINES.map((line) => `${line}\n`).join(""));
    while (session.canRedo) {
      session.redo();
      again.redo();
    }
    assert.equal(text(again), text(session));
  }
});
