// Elements of the page. Text goes in as text, never as markup.

/** A new element: attributes (`true` is an attribute without a value; false, null and undefined leave it out), then children. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** The element with this id, which the page has. */
export const byId = (id) => document.getElementById(id);

/** A button that calls `act`. */
export function button(label, act, attributes = {}) {
  const made = element("button", { type: "button", ...attributes }, label);
  made.addEventListener("click", act);
  return made;
}

/** Fills a select with `[value, label]` and keeps the choice where it is still there. */
export function fillSelect(select, options) {
  const { value } = select;
  select.replaceChildren(...options.map(([option, label]) => element("option", { value: option }, label)));
  if (options.some(([option]) => option === value)) select.value = value;
}

let says = 0;

/** Has a screen reader say this. */
export function announce(text) {
  // The same words twice are only said twice when they differ.
  says += 1;
  byId("announcer").textContent = text + (says % 2 ? "" : "\u00a0");
}

/** Shows a dialog with a form; resolves to the value of the button that answers it, `""` where Escape closes it. */
export function answerOf(dialog) {
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.onclose = () => dialog.open || resolve(dialog.returnValue);
    dialog.querySelector("form").onsubmit = (event) => {
      // The event `close` comes late: a key pressed before it would act on what was there before the answer.
      event.preventDefault();
      dialog.close(event.submitter.value);
      resolve(dialog.returnValue);
    };
  });
}

/** Asks a yes-or-no question; resolves to whether it was affirmed. */
export async function confirmed(question, yes) {
  byId("confirm-text").textContent = question;
  byId("confirm-yes").textContent = yes;
  return (await answerOf(byId("confirm"))) === "yes";
}
