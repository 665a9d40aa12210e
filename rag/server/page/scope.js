// Which documents are asked: all of them, or only some, by path and by date. Chosen for as long as the page is open.

import { listDocuments } from "/page/api.js";
import { $, el, tongue } from "/page/dom.js";
import { openPane } from "/page/pane.js";
import { say, sayAs, words } from "/page/words.js";

const SHOWN = 200; // of a long list; the search finds the others
const PERIOD = /^\d{4}(-\d{2}(-\d{2})?)?$/;

let paths = []; // patterns, and paths of files
let since = "";
let until = "";

// As the server takes them; null for all documents.
export function filters() {
  if (!paths.length && !since && !until) return null;
  return { path: [...paths], since: since || null, until: until || null };
}

export function described() {
  const short = paths.map((path) => (/[*?]/.test(path) ? path : path.slice(path.lastIndexOf("/") + 1)));
  const named = paths.length > 2 ? [words("manyPaths", paths.length)] : short;
  const dates = since || until ? [`${since || "…"} – ${until || "…"}`] : [];
  return [...named, ...dates].join(" · ");
}

let pane = null; // what stands in it while it is open

export async function openScope(from) {
  const find = el("input", { type: "search", id: "pattern" });
  sayAs(find, "placeholder", "patternHint");
  const added = say(el("button", { type: "button", className: "also", onclick: () => addPattern() }), "addPattern");
  const count = el("p", { className: "count", role: "status" });
  const everything = say(el("button", { type: "button", id: "everything", onclick: askEverything }), "askEverything");
  pane = { find, count, everything, chosen: el("ul", { className: "chosen" }), items: el("ul", { className: "choices" }) };
  sayAs(pane.chosen, "aria-label", "scope");
  find.addEventListener("input", fill);
  find.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.isComposing && event.keyCode !== 229) addPattern();
  });
  const dates = el("div", { className: "dates" });
  dates.append(...dateField("since", () => since, (given) => (since = given)));
  dates.append(...dateField("until", () => until, (given) => (until = given)));
  const where = say(el("label", { htmlFor: "pattern" }), "pattern");
  const button = $("scope");
  button.setAttribute("aria-expanded", "true");
  const closed = () => {
    pane = null;
    button.setAttribute("aria-expanded", "false");
  };
  const hint = say(el("p", { className: "count", id: "dates-hint" }), "datesHint");
  const typed = el("div", { className: "typed" }, find, added);
  openPane("scope", from, closed, say(el("h2"), "scope"), dates, hint, where, typed, pane.chosen, everything, count, pane.items);
  show();
  try {
    const found = await listDocuments();
    if (!pane) return;
    pane.files = [...new Map(found.map((one) => [one.path, one])).values()];
    fill();
  } catch (error) {
    if (pane) pane.count.textContent = error.message;
  }
}

function dateField(name, held, take) {
  const label = say(el("label", { htmlFor: name }), name);
  const field = el("input", { id: name, value: held(), inputMode: "numeric", placeholder: "2023-05", maxLength: 10 });
  field.setAttribute("aria-describedby", "dates-hint");
  field.autocomplete = "off";
  field.addEventListener("change", () => {
    const given = field.value.trim();
    const sound = !given || PERIOD.test(given);
    field.setAttribute("aria-invalid", String(!sound));
    if (sound) take(given);
    show();
  });
  return [label, field];
}

function addPattern() {
  const given = pane.find.value.trim();
  if (given && !paths.includes(given)) paths.push(given);
  pane.find.value = "";
  pane.find.focus();
  fill();
}

function askEverything() {
  paths = [];
  since = until = "";
  for (const name of ["since", "until"]) {
    $(name).value = "";
    $(name).setAttribute("aria-invalid", "false");
  }
  fill();
  pane.find.focus(); // the button goes: there is nothing left to undo
}

function fill() {
  show();
  if (!pane.files) return;
  const parts = pane.find.value.toLowerCase().split(/\s+/).filter(Boolean);
  const found = pane.files.filter((one) => {
    const text = `${one.title} ${one.path} ${one.date ?? ""}`.toLowerCase();
    return parts.every((part) => text.includes(part));
  });
  pane.items.replaceChildren(...found.slice(0, SHOWN).map(choice));
  if (found.length < pane.files.length) say(pane.count, "filesCounted", found.length, pane.files.length);
  else say(pane.count, "files", pane.files.length);
}

function choice(one) {
  const box = el("input", { type: "checkbox", checked: paths.includes(one.path) });
  box.addEventListener("change", () => {
    paths = box.checked ? [...paths, one.path] : paths.filter((path) => path !== one.path);
    show();
  });
  const title = one.title || one.path;
  const facts = el("span", { className: "facts" }, one.date ? `${one.date} · ${one.path}` : one.path);
  return el("li", {}, el("label", {}, box, el("span", {}, el("span", { lang: tongue(title) }, title), facts)));
}

// The choice as it is now: on the button below the question, and in the pane.
function show() {
  say($("scope"), filters() ? "onlyIn" : "everywhere", described);
  if (!pane) return;
  pane.everything.hidden = !filters();
  pane.chosen.replaceChildren(
    ...paths.map((path) => {
      const away = el("button", { type: "button", className: "chip" }, path);
      sayAs(away, "aria-label", "notOnly", path);
      away.onclick = () => {
        paths = paths.filter((other) => other !== path);
        fill();
        pane.find.focus();
      };
      return el("li", {}, away);
    }),
  );
}
