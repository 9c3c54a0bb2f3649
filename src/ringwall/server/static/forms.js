// What the sections of the office have in common: forms, second clicks, sentences.
import { element, put } from "./view.js";

// Members by name, as the alliance calls them; an unknown one keeps its id.
export const names = new Map();
export const named = (member) => names.get(member) ?? member;
export const listed = (members) => members.map(named).join(", ");

// Nodes, and whose they are; sentences speak of members.
export const owners = new Map();
export const listedOwners = (nodes) => listed([...new Set(nodes.map((node) => owners.get(node) ?? node))]);

export const count = (number) => number.toLocaleString("en");
export const plural = (number, one, many) => `${count(number)} ${number === 1 ? one : many}`;

export function moment(text) {
  return text ? `${text.slice(0, 16).replace("T", " ")} UTC` : "–";
}

// What a field for a day and a time holds, taken as UTC.
export const utc = (text) => (text ? `${text.slice(0, 16)}:00Z` : "");
export const parted = (text) => text.split(/[\s,]+/).filter(Boolean);

export function words(error) {
  const { field, rule } = error.problem ?? {};
  const where = field && !error.message.includes(field) ? ` (${field})` : "";
  return `${error.message}${where}${rule ? ` [${rule}]` : ""}`;
}

// Do something once at a time; what goes wrong stands in the paragraph `place`.
export async function attempt(place, work, button) {
  put(place, "");
  if (button) button.disabled = true;
  try {
    await work();
  } catch (error) {
    put(place, words(error));
  } finally {
    if (button) button.disabled = false;
  }
}

export function submitted(id, place, work) {
  const form = document.getElementById(id);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(place, () => work(form), form.querySelector("button[type=submit]"));
  });
  return form;
}

// A function that begins a look at a form, and returns one that fails if it was changed since.
export function unchanging(form) {
  let edits = 0;
  for (const change of ["input", "reset"]) form.addEventListener(change, () => { edits += 1; });
  return () => {
    const begun = edits;
    return () => {
      if (edits !== begun) throw new Error("the form was changed meanwhile: look again");
    };
  };
}

// The bytes that a form's text or file holds, as they are now.
export async function bytesOf(form) {
  const text = form.elements.text.value;
  const file = form.elements.file.files[0];
  if (text.trim() && file) throw new Error("there is a text and a file: clear one of them");
  if (!text.trim() && !file) throw new Error("paste a text or choose a file");
  return file ? new Uint8Array(await file.arrayBuffer()) : new TextEncoder().encode(text);
}

export function button(text, kind, act) {
  const made = element("button", { type: "button", ...(kind ? { class: kind } : {}) }, text);
  made.addEventListener("click", act);
  return made;
}

// A button that asks once more, in words, before it acts.
export function twice(text, sure, kind, act) {
  const place = element("span", { class: "twice" });
  const ask = () => {
    const yes = button(sure, kind, () => act(yes));
    place.replaceChildren(yes, button("No, leave it", "second", rest));
    yes.focus();
  };
  const first = button(text, kind, ask);
  const rest = () => {
    place.replaceChildren(first);
    first.focus();
  };
  place.append(first);
  return place;
}

const SIGNS = { true: ["yes", "✓"], false: ["no", "✗"], waits: ["waits", "…"] };

// `permit` is true or false, or "waits" for what a second officer has to confirm first.
export function answered(permit, word = permit ? "gets it" : "withheld") {
  const [kind, sign] = SIGNS[permit];
  return element("span", { class: kind }, `${sign} ${word}`);
}

export function offer(id, options) {
  const made = options.map(([value, text]) => element("option", { value }, text));
  document.getElementById(id).replaceChildren(...made);
}

// Says what was done; the button that did it is gone, so the keyboard goes on from there.
export function report(id, text) {
  const place = document.getElementById(id);
  place.textContent = text;
  place.focus();
}

export function reveal(id, ...children) {
  const place = document.getElementById(id);
  place.replaceChildren(...children);
  place.focus();
}
