// Which documents are asked: all of them, or only some, by path, date and metadata. Chosen for as long as the page is
// open.

import { listDocuments } from "/page/api.js";
import { $, el, tongue } from "/page/dom.js";
import { openPane } from "/page/pane.js";
import { say, sayAs, words } from "/page/words.js";

const SHOWN = 200; // of a long list; the search finds the others
const PERIOD = /^\d{4}(-\d{2}(-\d{2})?)?$/;

let paths = []; // patterns, and paths of files
let since = "";
let until = "";
let named = []; // [name, value] of metadata

// As the server takes them; null for all documents.
export function filters() {
  if (!paths.length && !since && !until && !named.length) return null;
  const values = named.map(([name]) => [name, named.filter((one) => one[0] === name).map((one) => one[1])]);
  return { path: [...paths], since: since || null, until: until || null, metadata: Object.fromEntries(values) };
}

export function described() {
  const short = paths.map((path) => (/[*?]/.test(path) ? path : path.slice(path.lastIndexOf("/") + 1)));
  const files = paths.length > 2 ? [words("manyPaths", paths.length)] : short;
  const dates = since || until ? [`${since || "…"} – ${until || "…"}`] : [];
  return [...files, ...dates, ...named.map(written)].join(" · ");
}

const written = ([name, value]) => `${name}=${value}`;

let pane = null; // what stands in it while it is open

export async function openScope(from) {
  const find = el("input", { type: "search", id: "pattern" });
  sayAs(find, "placeholder", "patternHint");
  const added = say(el("button", { type: "button", className: "take", onclick: () => addPattern() }), "addPattern");
  const count = el("p", { className: "count", role: "status" });
  const everything = say(el("button", { type: "button", id: "everything", onclick: askEverything }), "askEverything");
  const facts = el("div", { hidden: true }); // where documents have metadata
  const items = el("ul", { className: "choices" });
  pane = { find, count, everything, facts, items, chosen: el("ul", { className: "chosen" }) };
  pane.wrong = say(el("p", { className: "trouble", role: "alert", hidden: true }), "dateWrong");
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
  const head = [say(el("h2"), "scope"), dates, pane.wrong, hint, facts, where, typed];
  openPane("scope", from, closed, ...head, pane.chosen, everything, count, items);
  show();
  try {
    const found = await listDocuments();
    if (!pane) return;
    pane.files = [...new Map(found.map((one) => [one.path, one])).values()];
    offerMetadata(found);
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
    take(sound ? given : "");
    show();
  });
  return [label, field];
}

// The names and values that documents have, the commonest first.
function offerMetadata(documents) {
  const counts = new Map();
  for (const one of documents) {
    for (const [name, value] of Object.entries(one.metadata)) {
      if (!counts.has(name)) counts.set(name, new Map());
      counts.get(name).set(value, (counts.get(name).get(value) ?? 0) + 1);
    }
  }
  pane.facts.hidden = !counts.size;
  const choose = el("select", { id: "metadata" }, say(el("option", { value: "" }), "chooseMetadata"));
  for (const [name, values] of [...counts].sort()) {
    const common = [...values].sort((a, b) => b[1] - a[1]).slice(0, SHOWN);
    const options = common.map(([value, count]) =>
      el("option", { value: JSON.stringify([name, value]) }, `${value} (${count})`),
    );
    choose.append(el("optgroup", { label: name }, ...options));
  }
  const take = say(el("button", { type: "button" }), "addMetadata");
  take.onclick = () => {
    const given = choose.value && JSON.parse(choose.value);
    if (given && !named.some((one) => written(one) === written(given))) named.push(given);
    choose.value = "";
    choose.focus();
    show();
  };
  const label = say(el("label", { htmlFor: "metadata" }), "metadata");
  pane.facts.replaceChildren(label, el("div", { className: "typed" }, choose, take));
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
  named = [];
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
  pane.wrong.hidden = !document.querySelector(".dates [aria-invalid=true]");
  const chip = (text, forget) => {
    const away = el("button", { type: "button", className: "chip" }, text);
    sayAs(away, "aria-label", "notOnly", text);
    away.onclick = () => {
      forget();
      fill();
      pane.find.focus();
    };
    return el("li", {}, away);
  };
  pane.chosen.replaceChildren(
    ...paths.map((path) => chip(path, () => (paths = paths.filter((other) => other !== path)))),
    ...named.map((one) => chip(written(one), () => (named = named.filter((other) => other !== one)))),
  );
}
