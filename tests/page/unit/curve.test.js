// The losses that a curve shows.

import assert from "node:assert/strict";
import { test } from "node:test";

import { smoothed } from "../../../crates/web/page/curve.js";

test("many losses are shown as means of neighbors, few as they are", () => {
  const losses = Array.from({ length: 7 }, (_, k) => ({ step: k + 1, value: k }));
  assert.deepEqual(smoothed(losses, 10), losses);
  assert.deepEqual(smoothed(losses, 3), [{ step: 3, value: 1 }, { step: 6, value: 4 }, { step: 7, value: 6 }]);
  assert.deepEqual(smoothed([], 3), []);
});
