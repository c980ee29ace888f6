import assert from "node:assert/strict";
import { test } from "node:test";

import { JsonNumber, parseJson, writeJson } from "../../../crates/serve/page/json.js";
import { numbers } from "../support.js";

const message = (text) => {
  try {
    parseJson(text);
  } catch (error) {
    return error.message;
  }
  return null;
};

test("numbers, keys and texts come back as they were written", () => {
  const text = '{"b":1.0,"a":[1e5,-0,0.10,18446744073709551615],"__proto__":{"x":null},"t":"\\"\\\\ é 😀","e":{},"l":[]}';
  assert.equal(writeJson(parseJson(text)), text);
  assert.ok(parseJson("1.50") instanceof JsonNumber);
  assert.equal(parseJson("1.50").value, 1.5);
  assert.equal(parseJson(' "\\u0041\\ud83d\\ude00" '), "A😀");
});

test("a key that stands twice is refused with its path", () => {
  for (const [text, field] of [
    ['{"a":1,"a":1}', "a"],
    ['{"s":[{"x":0},{"rating":0.1,"rating":0.9}]}', "s[1].rating"],
    ['{"a":1,"\\u0061":1}', "a"],
  ]) {
    assert.equal(message(text), `field ${field}: found twice in one object, expected each key once`);
  }
});

test("numbers that would come back as others are refused", () => {
  for (const text of ['{"a":{"b":[1,12345678901234567890123]}}', '{"a":-9223372036854775809}', '{"rating":9007199254740993}', '{"scores":[18446744073709551615]}']) {
    assert.match(message(text), /expected a number that 64 bits hold exactly/, text);
  }
  for (const text of ['{"a":18446744073709551615,"b":-9223372036854775808,"c":9007199254740993}', '{"rating":9007199254740992,"a":100000000000000000000}', '{"a":1e300}']) {
    assert.equal(message(text), null, text);
  }
  assert.match(message('{"a":1e999}'), /field a: found 1e999, expected a finite number/);
  assert.match(message('{"a":NaN}'), /field a: found NaN, expected a finite number/);
});

test("what is no JSON is refused where it goes wrong", () => {
  assert.match(message('{"a":1}{"b":2}'), /a second record/);
  for (const text of ["{", '{"a": [', '{"a": 1,', '{"a":"x', ""]) assert.match(message(text), /goes on behind the end of the line/, text);
  assert.match(message('{"a":1} x'), /not JSON at character 9/);
  for (const text of ["{a:1}", "[1,]", '{"a" 1}', "01", "1.", ".5", "+1", "trueish", '"\\x"', '"\t"', '"\\ud800"', "'a'", '{"a":1,}']) {
    assert.notEqual(message(text), null, text);
  }
  assert.match(message("[".repeat(200) + "]".repeat(200)), /more than 127/);
});

test("agrees with JSON.parse on what is JSON", () => {
  const random = numbers(2);
  const signs = [..."{}[]:,\"aé1.e\\-0 ", "true", "null", '"a":', "😀"];
  let valid = 0;
  for (let round = 0; round < 100_000; round += 1) {
    const text = Array.from({ length: 1 + random(7) }, () => signs[random(signs.length)]).join("");
    let expected;
    let isValid = true;
    try {
      expected = JSON.parse(text);
    } catch {
      isValid = false;
    }
    const problem = message(text);
    if (!isValid) assert.notEqual(problem, null, text);
    else if (problem === null) {
      valid += 1;
      assert.deepEqual(JSON.parse(writeJson(parseJson(text))), expected, text);
    } else assert.match(problem, /found twice|finite|exactly/, text);
  }
  assert.ok(valid > 500, `${valid} valid texts`);
});
