// Files of native records: one JSON object a line, plain or compressed with gzip.

import { RecordError } from "./json.js";
import { readRecord } from "./record.js";

/** Longest line that Gradus reads unless told otherwise, in bytes. */
const LONGEST_LINE = 16_777_216;

/** A file that cannot be read at all. */
export class FileError extends Error {
  name = "FileError";
}

/** The bytes of a file, unpacked where they are compressed with gzip. */
export async function unpacked(blob) {
  const head = new Uint8Array(await blob.slice(0, 4).arrayBuffer());
  const starts = (...bytes) => bytes.every((byte, k) => head[k] === byte);
  if (starts(0x28, 0xb5, 0x2f, 0xfd)) throw new FileError("the file is compressed with zstd, which browsers do not read; unpack it with `zstd -d FILE`");
  if (starts(0xff, 0xfe) || starts(0xfe, 0xff)) throw new FileError("found text in UTF-16 or UTF-32, expected UTF-8; save the file as UTF-8");
  if (!starts(0x1f, 0x8b)) return new Uint8Array(await blob.arrayBuffer());
  try {
    return new Uint8Array(await new Response(blob.stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer());
  } catch (error) {
    throw new FileError(`the gzip data is damaged: ${error.message}`);
  }
}

/** The lines of a text in UTF-8 that are not blank, as `[number, bytes]`, from 1. A byte order mark is passed over. */
export function* byteLines(bytes) {
  const isMarked = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  let at = isMarked ? 3 : 0;
  for (let number = 1; at < bytes.length; number += 1) {
    const next = bytes.indexOf(10, at);
    const end = next < 0 ? bytes.length : next;
    const line = bytes.subarray(at, end);
    if (line.some((byte) => byte !== 32 && (byte < 9 || byte > 13 || byte === 11))) yield [number, line];
    at = end + 1;
  }
}

/**
 * Reads records from bytes. Returns `{ records, refused }`; `refused` has `{ line, reason }` for every line that is
 * no record. Between parts of the work `pause(done)` is awaited, with the share that is done.
 */
export async function readRecords(bytes, pause = async () => {}) {
  const records = [];
  const refused = [];
  const ids = new Map();
  let sincePause = 0;
  for (const [line, part] of byteLines(bytes)) {
    try {
      const record = readRecord(decoded(part), line);
      const first = ids.get(record.id);
      if (first !== undefined) throw new RecordError("id", `found "${record.id}" again, which line ${first} has, expected distinct ids`);
      ids.set(record.id, line);
      records.push(record);
    } catch (error) {
      if (!(error instanceof RecordError)) throw error;
      refused.push({ line, reason: error.message });
    }
    sincePause += part.length;
    if (sincePause > 1_000_000) {
      sincePause = 0;
      await pause((part.byteOffset + part.length - bytes.byteOffset) / bytes.length);
    }
  }
  return { records, refused };
}

function decoded(bytes) {
  if (bytes.length > LONGEST_LINE) throw new RecordError("", `found a line of more than ${LONGEST_LINE} bytes, expected at most that many`);
  try {
    // A carriage return before the line feed is white space to JSON, and no part of the record.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes).replace(/\r$/, "");
  } catch {
    throw new RecordError("", "found bytes that are not UTF-8, expected text in UTF-8; save the file as UTF-8");
  }
}
