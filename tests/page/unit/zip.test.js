// Archives of bundles: written, read back, damaged.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";

import { crc32, isZip, zipEntries, zipOf } from "../../../crates/web/page/zip.js";

const bytes = (text) => new TextEncoder().encode(text);
const files = { "b/manifest.json": bytes("{}"), "b/größe.bin": Uint8Array.from({ length: 100_000 }, (_, k) => k % 251), "b/empty": new Uint8Array() };
const archive = async () => new Uint8Array(await zipOf(files).arrayBuffer());

test("what is written is read back", async () => {
  const read = zipEntries(await archive());
  assert.deepEqual(Object.keys(read), Object.keys(files));
  for (const [name, content] of Object.entries(files)) assert.deepEqual(await read[name](), content);
});

test("the checksum is that of zip archives", () => {
  assert.equal(crc32(bytes("123456789")), 0xcbf43926);
});

test("Python reads what is written, and what it deflates is read", async () => {
  const place = mkdtempSync(path.join(tmpdir(), "gradus-zip-"));
  try {
    const [ours, theirs] = ["ours.zip", "theirs.zip"].map((name) => path.join(place, name));
    writeFileSync(ours, await archive());
    const script = `
import sys, zipfile
ours = zipfile.ZipFile(sys.argv[1])
assert ours.testzip() is None
with zipfile.ZipFile(sys.argv[2], "w", zipfile.ZIP_DEFLATED) as theirs:
    for name in ours.namelist():
        theirs.writestr(name, ours.read(name))
`;
    const ran = spawnSync("python3", ["-c", script, ours, theirs], { encoding: "utf8" });
    assert.equal(ran.status, 0, ran.stderr);
    const packed = new Uint8Array(readFileSync(theirs));
    assert.ok(packed.length < 20_000);
    const read = zipEntries(packed);
    for (const [name, content] of Object.entries(files)) assert.deepEqual(await read[name](), content);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
});

test("a damaged archive is refused wherever it is cut or changed", async () => {
  const whole = await archive();
  const readAll = async (damaged) => {
    const read = zipEntries(damaged);
    return Promise.all(Object.values(read).map((content) => content()));
  };
  for (const length of [0, 3, 21, 1000, whole.length - 30, whole.length - 1]) {
    await assert.rejects(async () => readAll(whole.slice(0, length)), { name: "ZipError" }, `cut to ${length}`);
  }
  const changed = whole.slice();
  changed[60_000] ^= 1;
  await assert.rejects(readAll(changed), /gr\u00f6\u00dfe\.bin is damaged/);
});

test("archives are told from other files by how they begin", async () => {
  assert.ok(isZip(await archive()));
  assert.ok(!isZip(bytes("{}")));
  assert.ok(!isZip(bytes("PK and more")));
});
