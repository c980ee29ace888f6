// The name of an exported file.

/** `data.jsonl.gz` is exported as `data.rated.jsonl`. */
export function exportName(name) {
  const stem = name.replace(/(?:\.(?:gz|jsonl|ndjson|json|txt))+$/i, "").replace(/\.rated$/, "");
  return `${stem || "records"}.rated.jsonl`;
}
