// The keys of the rating mode: one table that the handler and the help both read.

/** `[names of the key, what the help says, name of the action]`. */
const KEYS = [
  [["ArrowRight", "ArrowDown"], "→ ↓", "next segment", "nextSegment"],
  [["ArrowLeft", "ArrowUp"], "← ↑", "previous segment", "previousSegment"],
  [["Home"], "Home", "first segment", "firstSegment"],
  [["End"], "End", "last segment", "lastSegment"],
  [["1", "2", "3", "4", "5", "6", "7", "8", "9", "0"], "1 … 9, 0", "rate with the first to ninth level, 0 with the tenth", "rateLevel"],
  [["Delete", "Backspace"], "Delete", "clear the rating", "clear"],
  [["e"], "e", "type an exact rating", "exact"],
  [["a"], "a", "next aspect", "nextAspect"],
  [["r"], "r", "the response as a whole", "wholeResponse"],
  [["u"], "u", "next segment without a rating, in any record", "nextUnrated"],
  [["n", "PageDown"], "n, Page Down", "next record", "nextRecord"],
  [["p", "PageUp"], "p, Page Up", "previous record", "previousRecord"],
  [["c"], "c", "cut the segment in two", "cut"],
  [["j"], "j", "join the segment with the next", "join"],
  [["z"], "z, Ctrl + Z", "undo", "undo"],
  [["y"], "y, Ctrl + Y", "redo", "redo"],
  [["?"], "?", "show these keys", "showKeys"],
];

const IN_LIST_ONLY = new Set(["ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp", "Home", "End"]);

/** What the help shows: `[key, what it does]`. */
export const keyHelp = KEYS.map(([, shown, does]) => [shown, does]);

/** Which action a key press means: `{ action, key }`; `null` for none. */
export function actionOf(event) {
  const { key, target } = event;
  if (event.altKey || isField(target)) return null;
  if (event.ctrlKey || event.metaKey) {
    const action = { z: event.shiftKey ? "redo" : "undo", y: "redo" }[key.toLowerCase()];
    return action ? { action, key } : null;
  }
  // In the list arrows choose; elsewhere, as in a group of radio buttons, they keep their meaning.
  if (IN_LIST_ONLY.has(key) && target.getAttribute("role") !== "listbox") return null;
  const found = KEYS.find(([names]) => names.includes(key));
  return found ? { action: found[3], key } : null;
}

/** Whether keys write here. */
function isField(target) {
  return target.matches("textarea, select, input:not([type=radio], [type=checkbox])");
}
