// Where the files of a bundle come from: files, a folder, an archive, an address.

import { ZipError, isZip, zipEntries } from "./zip.js";

/** The files cannot be those of a bundle, and why. */
export class BundleError extends Error {
  name = "BundleError";
}

const MANIFEST = "manifest.json";
/** The most bytes of a bundle: its weights are in memory three times while it is loaded, and the engine has 4 GiB. */
const MOST = 1_000_000_000;
const CACHE = "gradus-bundles";

/** `{ name, files }` of chosen or dropped files: `[{ path, file }]`. `files()` gives the contents. */
export async function bundleOfFiles(chosen) {
  if (!chosen.length) throw new BundleError("there is no file in it");
  const [first] = chosen;
  if (chosen.length === 1 && isZip(new Uint8Array(await first.file.slice(0, 4).arrayBuffer()))) {
    if (first.file.size > MOST) throw tooLarge(first.file.size);
    const archive = new Uint8Array(await read(first.file));
    return bundleOfEntries(stem(first.path), zipEntries(archive));
  }
  const entries = Object.fromEntries(chosen.map(({ path, file }) => [path, async () => new Uint8Array(await read(file))]));
  const size = chosen.reduce((sum, { file }) => sum + file.size, 0);
  if (size > MOST && !chosen.some(({ path }) => base(path) === MANIFEST)) throw tooLarge(size);
  return bundleOfEntries("bundle", entries);
}

async function read(file) {
  try {
    return await file.arrayBuffer();
  } catch (error) {
    throw new BundleError(`${file.name} cannot be read (${error.message})`);
  }
}

const base = (path) => path.slice(path.lastIndexOf("/") + 1);
const stem = (path) => base(path).replace(/\.zip$/i, "") || "bundle";
const tooLarge = (bytes) => new BundleError(`it has ${Math.round(bytes / 1e6)} MB, expected at most ${MOST / 1e6} MB in a page`);

/** The bundle among entries `{ path: () => Promise<Uint8Array> }`: the files beside the manifest that is nearest to the top. */
async function bundleOfEntries(fallback, entries) {
  const depth = (path) => path.split("/").length;
  const [found] = Object.keys(entries).filter((path) => base(path) === MANIFEST).sort((a, b) => depth(a) - depth(b));
  if (!found) throw new BundleError("it has no manifest.json, so it is no bundle of Gradus");
  const folder = found.slice(0, -MANIFEST.length);
  const parts = partsOf(await entries[found]());
  const files = async () => {
    const read = await Promise.all([MANIFEST, ...Object.keys(parts)].map(async (name) => [name, await entries[folder + name]?.()]));
    return Object.fromEntries(read.filter(([, bytes]) => bytes));
  };
  return { name: folder ? base(folder.slice(0, -1)) : fallback, files };
}

/** The parts that a manifest lists: `{ name: { bytes, sha256 } }`. The engine checks the rest of it. */
function partsOf(manifest) {
  let parts;
  try {
    ({ parts } = JSON.parse(new TextDecoder().decode(manifest)));
  } catch {
    throw new BundleError("its manifest.json is no JSON");
  }
  if (typeof parts !== "object" || parts === null) throw new BundleError("its manifest.json lists no parts, so it is none of Gradus");
  const size = Object.values(parts).reduce((sum, part) => sum + (Number(part?.bytes) || 0), 0);
  if (size > MOST) throw tooLarge(size);
  return parts;
}

/**
 * `{ name, files }` of the bundle at an address: an archive, or a folder. Parts of a folder are kept in the browser by
 * their digest, so that they are fetched once. `onProgress(name)` hears of every part that is fetched.
 */
export async function bundleAt(address, onProgress = () => {}) {
  let url;
  try {
    url = new URL(address, location.href);
  } catch {
    throw new BundleError("that is no address");
  }
  if (!/^https?:$/.test(url.protocol)) throw new BundleError(`found an address with ${url.protocol}, expected https:`);
  if (/\.zip$/i.test(url.pathname)) {
    onProgress(base(url.pathname));
    const archive = new Uint8Array(await (await fetched(url)).arrayBuffer());
    return bundleOfEntries(stem(url.pathname), zipEntries(archive));
  }
  if (!url.pathname.endsWith("/")) url.pathname = url.pathname.endsWith(`/${MANIFEST}`) ? url.pathname.slice(0, -MANIFEST.length) : `${url.pathname}/`;
  onProgress(MANIFEST);
  const manifest = new Uint8Array(await (await fetched(new URL(MANIFEST, url))).arrayBuffer());
  const parts = partsOf(manifest);
  const files = async () => {
    const made = { [MANIFEST]: manifest.slice() };
    for (const [name, part] of Object.entries(parts)) made[name] = await keptPart(new URL(encodeURIComponent(name), url), part, () => onProgress(name));
    return made;
  };
  return { name: base(url.pathname.slice(0, -1)) || url.host, files };
}

async function fetched(url) {
  let response;
  try {
    response = await fetch(url, { credentials: "omit", redirect: "follow" });
  } catch {
    const other = url.origin === location.origin ? "" : ": it is of another site, which has to allow it, as has the policy of this page";
    throw new BundleError(`${url.href} cannot be fetched${other}`);
  }
  if (!response.ok) throw new BundleError(`${url.href} is not there (status ${response.status})`);
  if (Number(response.headers.get("content-length")) > MOST) throw tooLarge(Number(response.headers.get("content-length")));
  return response;
}

/** A part, from the browser's storage where it has one of this digest. */
async function keptPart(url, { sha256, bytes }, onFetch) {
  const cache = /^[0-9a-f]{64}$/.test(sha256) ? await openCache() : null;
  const key = new URL(`bundle-part/${sha256}`, location.href).href;
  const kept = await cache?.match(key);
  if (kept) return new Uint8Array(await kept.arrayBuffer());
  onFetch();
  const content = await (await fetched(url)).arrayBuffer();
  if (cache && content.byteLength === bytes && (await digest(content)) === sha256) {
    try {
      await cache.put(key, new Response(content.slice(0)));
    } catch {
      // The storage is full: the part is fetched again the next time.
    }
  }
  return new Uint8Array(content);
}

/** The browser's storage for answers; `null` where it gives none, as to pages without TLS. */
async function openCache() {
  try {
    return (await globalThis.caches?.open(CACHE)) ?? null;
  } catch {
    return null;
  }
}

async function digest(content) {
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** What was dropped, folders included: `[{ path, file }]`. */
export async function droppedFiles(transfer) {
  const roots = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!roots.length) return [...transfer.files].map((file) => ({ path: file.name, file }));
  const found = [];
  const walk = async (entry) => {
    if (entry.isFile) {
      const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
      found.push({ path: entry.fullPath.slice(1), file });
      return;
    }
    const reader = entry.createReader();
    for (;;) {
      const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (!some.length) break;
      for (const inner of some) await walk(inner);
    }
  };
  for (const root of roots) await walk(root);
  return found;
}
