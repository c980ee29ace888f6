import assert from "node:assert/strict";
import { test } from "node:test";

import { Characters, labelOf, trailingSpace, visible, visibleJson, words } from "../../../crates/serve/page/text.js";
import { numbers } from "../support.js";

const PIECES = ["a", "é", "e\u0301", "😀", "👩\u200d🔬", "東", "\u{10ffff}", " ", "\n", "שלום"];

test("positions count characters, whatever the text", () => {
  const random = numbers(1);
  for (let round = 0; round < 500; round += 1) {
    const text = Array.from({ length: random(12) }, () => PIECES[random(PIECES.length)]).join("");
    const expected = [...text];
    const characters = new Characters(text);
    assert.equal(characters.length, expected.length);
    let unit = 0;
    for (let at = 0; at <= expected.length; at += 1) {
      assert.equal(characters.toUtf16(at), unit);
      assert.equal(characters.fromUtf16(unit), at);
      assert.equal(characters.slice(0, at), expected.slice(0, at).join(""));
      if (expected[at]?.length === 2) assert.equal(characters.fromUtf16(unit + 1), null, "inside a character");
      unit += expected[at]?.length ?? 0;
    }
  }
});

test("positions outside the text are no positions", () => {
  const characters = new Characters("a😀");
  assert.equal(characters.length, 2);
  for (const position of [-1, 3, 1.5]) assert.throws(() => characters.toUtf16(position), RangeError);
  for (const unit of [-1, 2, 4]) assert.equal(characters.fromUtf16(unit), null);
});

test("what hides or reorders is spelled out, what is seen stays", () => {
  assert.equal(visible("a\u202eb\u2066\u200b\ufeff\u0007\u{e0041}"), "a\\u{202e}b\\u{2066}\\u{200b}\\u{feff}\\u{7}\\u{e0041}");
  assert.equal(visible("one\r\n\ttwo"), "one\\u{d}\n\ttwo");
  assert.equal(visible("a\u200db"), "a\\u{200d}b");
  for (const text of ["Zürich, 東京, عربى", "👩\u200d🔬 and 👍🏽", "می\u200cخواهم", "e\u0301", "a\u00a0b"]) assert.equal(visible(text), text);
  const json = JSON.stringify({ "a\u202e": "\u{e0041}\u2028 😀" });
  assert.deepEqual(JSON.parse(visibleJson(json)), JSON.parse(json));
  assert.match(visibleJson(json), /^[^\u202e\u2028\u{e0041}]*$/u);
});

test("white space behind a text is what Unicode says", () => {
  assert.equal(trailingSpace("a \n\u2003\u0085"), 4);
  assert.equal(trailingSpace("a\ufeff"), 0);
});

test("words put together are the text", () => {
  for (const text of ["First: 10, so 5. (Yes!)", "これは文です。", "👩\u200d🔬 x", " a "]) {
    const pieces = words(text);
    assert.equal(pieces.map(([, piece]) => piece).join(""), text);
    for (const [at, piece] of pieces) assert.ok(text.startsWith(piece, at));
  }
});

test("a label ends behind a word, and within one only where that is long", () => {
  assert.equal(labelOf("one two three", 13), "one two three");
  assert.equal(labelOf("one two three", 12), "one two…");
  assert.equal(labelOf("one two three", 7), "one two…");
  assert.equal(labelOf("one two three", 6), "one…");
  assert.equal(labelOf("a longword", 8), "a longwo…");
  assert.equal(labelOf("👩‍🔬😀😀 😀😀", 6), "👩‍🔬😀😀…");
});
