// Zip archives, as far as bundles need them: reads what is stored or deflated, writes what is stored.

export class ZipError extends Error {
  name = "ZipError";
}

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
/** A marker that the value is in the extension for archives over 4 GiB. */
const ELSEWHERE = 0xffffffff;

const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

export function crc32(bytes) {
  let crc = -1;
  for (const byte of bytes) crc = CRC[(crc ^ byte) & 255] ^ (crc >>> 8);
  return (crc ^ -1) >>> 0;
}

/** Whether a file begins as zip archives do. */
export const isZip = (bytes) => bytes.length > 3 && [LOCAL, END].includes(view(bytes).getUint32(0, true));

const view = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** The files of an archive: `{ path: () => Promise<Uint8Array> }`. */
export function zipEntries(archive) {
  const data = view(archive);
  const { count, start } = endOf(data);
  const entries = {};
  let at = start;
  for (let k = 0; k < count; k += 1) {
    if (at + 46 > archive.length || data.getUint32(at, true) !== CENTRAL) throw new ZipError("its list of files is damaged");
    const [flags, method] = [data.getUint16(at + 8, true), data.getUint16(at + 10, true)];
    const [crc, packed, size] = [16, 20, 24].map((offset) => data.getUint32(at + offset, true));
    const [named, extra, comment] = [28, 30, 32].map((offset) => data.getUint16(at + offset, true));
    const offset = data.getUint32(at + 42, true);
    const path = new TextDecoder().decode(archive.subarray(at + 46, at + 46 + named));
    at += 46 + named + extra + comment;
    if (path.endsWith("/")) continue;
    if ([packed, size, offset].includes(ELSEWHERE)) throw new ZipError(`${path} is in the format for more than 4 GiB, which is not read`);
    if (flags & 1) throw new ZipError(`${path} is encrypted`);
    entries[path] = () => content(archive, { path, method, crc, packed, size, offset });
  }
  return entries;
}

/** The record at the end of an archive, before a comment of at most 64 KiB. */
function endOf(data) {
  for (let at = data.byteLength - 22; at >= Math.max(0, data.byteLength - 22 - 0xffff); at -= 1) {
    if (data.getUint32(at, true) === END) return { count: data.getUint16(at + 10, true), start: data.getUint32(at + 16, true) };
  }
  throw new ZipError("it is no zip archive, or its end is missing");
}

async function content(archive, { path, method, crc, packed, size, offset }) {
  const data = view(archive);
  if (offset + 30 > archive.length || data.getUint32(offset, true) !== LOCAL) throw new ZipError(`${path} is damaged`);
  const start = offset + 30 + data.getUint16(offset + 26, true) + data.getUint16(offset + 28, true);
  const raw = archive.subarray(start, start + packed);
  const bytes = method === 0 ? raw.slice() : await inflated(raw, method, path, size);
  if (bytes.length !== size || crc32(bytes) !== crc) throw new ZipError(`${path} is damaged`);
  return bytes;
}

async function inflated(raw, method, path, size) {
  if (method !== 8) throw new ZipError(`${path} is packed by method ${method}, expected stored or deflated`);
  const reader = new Blob([raw]).stream().pipeThrough(new DecompressionStream("deflate-raw")).getReader();
  const bytes = new Uint8Array(size);
  let filled = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      // No more than the archive says, whatever is in it.
      if (filled + value.length > size) throw new ZipError(`${path} is longer than the archive says`);
      bytes.set(value, filled);
      filled += value.length;
    }
  } catch (error) {
    throw error instanceof ZipError ? error : new ZipError(`${path} is damaged`);
  }
  return bytes.subarray(0, filled);
}

/** An archive of files `{ path: Uint8Array }`, stored. */
export function zipOf(files) {
  const [locals, centrals] = [[], []];
  let offset = 0;
  for (const [path, bytes] of Object.entries(files)) {
    const name = new TextEncoder().encode(path);
    const shared = new DataView(new ArrayBuffer(26));
    shared.setUint16(0, 20, true);
    // The name is UTF-8; 1 January 1980, as archives know no earlier day.
    shared.setUint16(2, 0x0800, true);
    shared.setUint16(8, 0x21, true);
    shared.setUint32(10, crc32(bytes), true);
    shared.setUint32(14, bytes.length, true);
    shared.setUint32(18, bytes.length, true);
    shared.setUint16(22, name.length, true);
    const fields = new Uint8Array(shared.buffer);
    locals.push(number(LOCAL), fields, name, bytes);
    centrals.push(number(CENTRAL), new Uint8Array([20, 0]), fields, new Uint8Array(10), number(offset), name);
    offset += 30 + name.length + bytes.length;
  }
  const count = Object.keys(files).length;
  const size = centrals.reduce((sum, part) => sum + part.length, 0);
  const end = new DataView(new ArrayBuffer(22));
  end.setUint32(0, END, true);
  end.setUint16(8, count, true);
  end.setUint16(10, count, true);
  end.setUint32(12, size, true);
  end.setUint32(16, offset, true);
  return new Blob([...locals, ...centrals, end.buffer], { type: "application/zip" });
}

function number(value) {
  const bytes = new Uint8Array(4);
  view(bytes).setUint32(0, value, true);
  return bytes;
}
