// What the tests share: where the page and the binary are, and numbers that are the same in every run.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));
export const page = path.join(root, "crates/serve/page");

/** The binary under test: `GRADUS`, or what `cargo build --release` made. */
export function gradus() {
  const target = process.env.CARGO_TARGET_DIR ?? path.join(root, "target");
  const binary = process.env.GRADUS ?? path.join(target, "release/gradus");
  if (!existsSync(binary)) throw new Error(`${binary} is not there: build it with \`cargo build --release\`, or name it in GRADUS`);
  return binary;
}

/** Runs the binary; what it printed, and its exit code. */
export function run(...args) {
  const { status, stdout, stderr, error } = spawnSync(gradus(), args, { encoding: "utf8", maxBuffer: 1 << 28 });
  if (error) throw error;
  return { status, stdout, stderr };
}

/** Numbers from 0 to below `below`, the same for the same seed (mulberry32). */
export function numbers(seed) {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
