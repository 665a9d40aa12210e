// The documents: find, open, add, remove.

import { ApiError, listDocuments, removeDocument, upload } from "/page/api.js";
import { tell } from "/page/chat.js";
import { $, el, tongue } from "/page/dom.js";
import { openPane } from "/page/pane.js";
import { forgetDocuments } from "/page/preview.js";
import { openSource } from "/page/source.js";
import { say, sayAs, words } from "/page/words.js";

const SHOWN = 200; // of a long list; the search finds the others
const FAILURES = 5; // told of one file that holds many

const uploads = el("ul", { className: "uploads" });
let onChanged = () => {};

export function whenChanged(listener) {
  onChanged = listener;
}

let list = null; // of the open pane
let all = [];

export async function openDocuments(from) {
  const find = el("input", { type: "search", id: "find", oninput: () => fill(find.value) });
  sayAs(find, "placeholder", "search");
  sayAs(find, "aria-label", "search");
  const files = el("input", { type: "file", multiple: true, id: "files", className: "hidden" });
  files.onchange = () => (add([...files.files]), (files.value = ""));
  const label = say(el("label", { className: "button", htmlFor: "files" }), "add");
  const count = el("p", { className: "count", role: "status" });
  const said = Object.fromEntries(["title", "date", "metadata"].map((name) => [name, el("input", { id: `said-${name}` })]));
  list = { find, count, said, items: el("ul", { className: "documents" }) };
  const adding = el("p", { className: "adding" }, files, label, " ", say(el("span"), "orDrop"));
  const button = $("documents");
  button.setAttribute("aria-expanded", "true");
  const closed = () => {
    list = null;
    button.setAttribute("aria-expanded", "false");
  };
  openPane("documents", from, closed, say(el("h2"), "documents"), adding, saying(said), uploads, find, count, list.items);
  await refresh();
}

// Fields of what may be said of the files that are added next.
function saying(fields) {
  const label = (field) => say(el("label", { htmlFor: field.id }), field.id);
  const rows = Object.values(fields).map((field) => [label(field), field]);
  for (const field of Object.values(fields)) field.autocomplete = "off";
  return el("details", { className: "said" }, say(el("summary", { className: "saying" }), "saying"), ...rows.flat());
}

// As the form of an upload takes it. Throws what is wrong, in words.
function whatIsSaid(count) {
  const given = Object.entries(list?.said ?? {}).map(([name, field]) => [name, field.value.trim()]);
  const said = Object.fromEntries(given.filter(([, value]) => value));
  if (said.title && count > 1) throw new Error(words("titleOfOne"));
  if (said.metadata) {
    const pairs = said.metadata.split(/[;；]/).filter((one) => one.trim());
    if (!pairs.every((one) => /[^=]=./.test(one))) throw new Error(words("metadataPairs"));
    const parted = pairs.map((one) => [one.slice(0, one.indexOf("=")), one.slice(one.indexOf("=") + 1)]);
    said.metadata = JSON.stringify(Object.fromEntries(parted));
  }
  return said;
}

async function refresh() {
  forgetDocuments();
  try {
    all = await listDocuments();
    onChanged(all.length);
    fill(list?.find.value ?? "");
  } catch (error) {
    if (list) list.count.textContent = error.message;
  }
}

function fill(wanted) {
  if (!list) return;
  const parts = wanted.toLowerCase().split(/\s+/).filter(Boolean);
  const found = all.filter((one) => {
    const text = `${one.title} ${one.path} ${one.date ?? ""} ${metadataOf(one)}`.toLowerCase();
    return parts.every((part) => text.includes(part));
  });
  list.items.replaceChildren(...found.slice(0, SHOWN).map(row));
  if (!found.length) say(list.count, "nothing");
  else if (found.length < all.length) say(list.count, "counted", found.length, all.length);
  else say(list.count, "count", all.length);
}

const metadataOf = (one) => Object.entries(one.metadata).map(([name, value]) => `${name}=${value}`).join(" · ");

function row(one) {
  const title = one.title || one.path;
  const open = el("button", { type: "button", className: "title", lang: tongue(title) }, title);
  open.onclick = () => openSource({ document_id: one.id, start: 0, end: 0, locator: "" }, [], $("documents"));
  const away = say(el("button", { type: "button", className: "remove" }), "remove");
  sayAs(away, "aria-label", "removeOne", title);
  away.onclick = () => removeOne(one, away);
  const size = say(el("span"), "size", one.characters.toLocaleString());
  const date = one.date ? [el("time", { dateTime: one.date }, one.date), " · "] : [];
  const lines = [metadataOf(one), one.path].filter(Boolean).map((line) => el("span", { className: "path" }, line));
  const facts = el("p", { className: "facts" }, ...date, size, ...lines);
  return el("li", {}, el("div", {}, open, facts), away);
}

async function removeOne(one, button) {
  if (!(await confirmed("sureToRemove", one.title || one.path))) return button.focus();
  try {
    await removeDocument(one.id).catch(async (error) => {
      if (error.status !== 409 || !(await confirmed("sureToRemoveAll", one.path))) throw error;
      await removeDocument(one.id, true);
    });
    tell("removed");
  } catch (error) {
    if (error.status !== 409) note(error.message, "trouble");
  }
  await refresh();
  list?.find.focus();
}

function confirmed(key, name) {
  const dialog = $("dialog");
  $("dialog-text").textContent = words(key, name);
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.onclose = () => resolve(dialog.returnValue === "yes");
  });
}

// --- adding ------------------------------------------------------------------------------------------------------

export function note(text, kind) {
  const line = el("li", { className: kind }, text);
  uploads.append(line);
  while (uploads.children.length > 20) uploads.firstChild.remove();
  return line;
}

export async function add(files) {
  let said;
  try {
    said = whatIsSaid(files.length);
  } catch (wrong) {
    return note(wrong.message, "trouble");
  }
  let sound = true;
  for (const file of files) sound = (await addOne(file, said)) && sound; // the server writes one at a time
  if (sound && list) for (const field of Object.values(list.said)) field.value = "";
  await refresh();
}

// Below the line of a file: what of the files in it was not taken in.
function tellFailures(line, reasons) {
  const told = reasons.slice(0, FAILURES).map((reason) => el("li", { className: "trouble" }, reason));
  const more = reasons.length - told.length;
  if (more) told.push(say(el("li", { className: "trouble" }), "moreFailed", more));
  line.after(...told);
  $("status").append(...told.map((one) => ` ${one.textContent}`));
}

// What is gone since it was chosen may look like an empty file, of which a slice is readable.
const readableNow = (file) => (file.size ? file.slice(0, 1) : file).arrayBuffer().then(() => true, () => false);

// Whether it was taken in.
async function addOne(file, said) {
  const bar = el("progress", {});
  const told = say(el("span"), "sending", file.name);
  const line = el("li", { className: "under-way" }, told, bar);
  sayAs(bar, "aria-label", "sending", file.name);
  uploads.append(line);
  const readable = await readableNow(file);
  const becameOf = (key, kind, given) => {
    line.className = kind;
    line.replaceChildren(say(el("span"), key, given));
    $("status").textContent = line.textContent;
  };
  if (!readable) {
    becameOf("unreadable", "trouble", file.name);
    return false;
  }
  let path = ""; // what the server calls the file
  try {
    await upload(file, said, (name, data) => {
      if (name === "progress") {
        path ||= data.file;
        [bar.max, bar.value] = [data.total, data.done];
        say(told, `stage-${data.stage}`, file.name, data.done, data.total);
        return;
      }
      for (const key of ["added", "updated", "unchanged"]) if (data[key].length) becameOf(key, key, file.name);
      const reasons = Object.values(data.failed).map((reason) => reason.replace(path, () => file.name));
      const first = line.className === "under-way" ? reasons.shift() : undefined;
      if (first) becameOf("failed", "trouble", first);
      tellFailures(line, reasons);
    });
    if (line.className === "under-way") throw new ApiError(0, words("unreachable"));
  } catch (error) {
    const told = error.message.includes(file.name) ? error.message : `${file.name}: ${error.message}`;
    becameOf("failed", "trouble", told);
  }
  return line.className !== "trouble";
}
