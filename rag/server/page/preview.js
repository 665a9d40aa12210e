// A citation under the pointer or the keyboard: its paragraph, with the sentence marked, beside it.

import { getDocument } from "/page/api.js";
import { $, Points, el, marked, tongue } from "/page/dom.js";
import { say } from "/page/words.js";

const AROUND = 160; // characters of the paragraph shown before and after what is cited
const DELAY = 180; // milliseconds that the pointer rests before anything is shown
const KEPT = 8; // documents

export function describe(citation) {
  return [citation.title || citation.path, citation.date, citation.locator].filter(Boolean).join("\u00a0· "); // no line begins with a dot
}

const documents = new Map(); // id -> promise of the document; the last ones asked for

// Whether the document holds the quote at its place; what cites no span of it fits always.
export const fits = (points, { start, end, quote }) => end <= start || points.slice(start, end) === quote;

// The document that is cited, read anew where what was kept of it does not fit: it may have changed since.
export async function documentOf(citation) {
  const id = citation.document_id;
  const kept = documents.has(id);
  const found = await held(id);
  if (!kept || fits(found.points, citation)) return found;
  documents.delete(id);
  return held(id);
}

function held(id) {
  let found = documents.get(id);
  documents.delete(id);
  found ??= getDocument(id).then((one) => ({ ...one, points: new Points(one.text) }));
  documents.set(id, found);
  found.catch(() => documents.delete(id));
  if (documents.size > KEPT) documents.delete(documents.keys().next().value);
  return found;
}

export function forgetDocuments() {
  documents.clear();
}

let shownFor = null;
let timer = 0;

// Hovering or focussing `button` shows the preview, a click opens the source; where nothing can hover, the first tap
// shows the preview, which has a button of its own to open the source.
export function offerPreview(button, citation, open) {
  button.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && later(button, citation, open));
  button.addEventListener("pointerleave", () => later(null));
  button.addEventListener("focus", () => button.matches(":focus-visible") && later(button, citation, open));
  button.addEventListener("blur", () => later(null));
  button.addEventListener("click", () => {
    if (matchMedia("(hover: none)").matches && shownFor !== button) {
      clearTimeout(timer);
      show(button, citation, open);
    } else {
      hidePreview();
      open();
    }
  });
}

function later(button, citation, open) {
  clearTimeout(timer);
  timer = setTimeout(() => (button ? show(button, citation, open) : hidePreview()), DELAY);
}

// Whether there was one to hide.
export function hidePreview() {
  const shown = !$("preview").hidden;
  clearTimeout(timer);
  shownFor?.removeAttribute("aria-describedby");
  shownFor = null;
  $("preview").hidden = true;
  return shown;
}

async function show(button, citation, open) {
  shownFor?.removeAttribute("aria-describedby");
  shownFor = button;
  const preview = $("preview");
  let body;
  try {
    const { points } = await documentOf(citation);
    body = fits(points, citation) ? paragraph(points, citation) : say(el("p", { className: "trouble" }), "changed");
  } catch (error) {
    body = el("p", { className: "trouble" }, error.message);
  }
  if (shownFor !== button || !button.isConnected) return;
  const opener = say(el("button", { type: "button", tabIndex: -1 }), "openSource");
  opener.onclick = () => (hidePreview(), open());
  preview.replaceChildren(el("p", { className: "from" }, describe(citation)), body, opener);
  preview.hidden = false;
  button.setAttribute("aria-describedby", "preview");
  place(preview, button.getBoundingClientRect());
}

function paragraph(points, { start, end }) {
  const first = Math.max(points.lastBefore("\n", start) + 1, start - AROUND);
  const last = Math.min(points.firstFrom("\n", end), end + AROUND);
  const cutBefore = first > points.lastBefore("\n", start) + 1 ? "…" : "";
  const cutAfter = last < points.firstFrom("\n", end) ? "…" : "";
  const lang = tongue(points.slice(start, end));
  return el("p", { lang }, cutBefore, ...marked(points, [[start, end]], undefined, first, last), cutAfter);
}

function place(preview, at) {
  const room = 8;
  const { width, height } = preview.getBoundingClientRect();
  const left = Math.max(room, Math.min(at.left, innerWidth - width - room));
  const below = at.bottom + room + height < innerHeight || at.top < height + room;
  preview.style.left = `${left}px`;
  preview.style.top = `${below ? at.bottom + room : at.top - height - room}px`;
}

$("preview").addEventListener("pointerenter", () => clearTimeout(timer));
$("preview").addEventListener("pointerleave", () => later(null));
addEventListener("scroll", () => shownFor && hidePreview(), { capture: true, passive: true });
