// A document beside the chat, scrolled to what was cited.

import { sourcePage } from "/page/api.js";
import { $, el, marked, tongue } from "/page/dom.js";
import { openPane } from "/page/pane.js";
import { documentOf } from "/page/preview.js";
import { say } from "/page/words.js";

// `others`: what else the same answer cites; those of the same document are marked too, less strongly.
export async function openSource(citation, others, from) {
  let document;
  try {
    document = await documentOf(citation.document_id);
  } catch (error) {
    const told = el("p", { className: "trouble", role: "alert" });
    if (error.status === 404) say(told, "gone");
    else told.textContent = error.message;
    openPane("source", from, null, say(el("h2"), "source"), told);
    return;
  }
  const inIt = others.filter((one) => one.document_id === citation.document_id && one.end > one.start);
  inIt.sort((one, other) => one.start - other.start);
  const away = say(el("a", { href: sourcePage(citation), target: "_blank", rel: "noopener" }), "ownPage");
  const facts = [document.path, document.date, citation.locator].filter(Boolean).join(" · ");
  const title = document.title || document.path;
  const head = el("header", {}, el("h2", { lang: tongue(title) }, title), el("p", {}, facts, " · ", away));
  const lang = tongue(document.points.slice(0, 1000));
  const text = el("div", { className: "text", lang }, ...paragraphs(document.points, inIt, citation));
  openPane("source", from, null, head, text);
  const here = $("pane").querySelector("mark.here");
  here?.scrollIntoView({ block: "center" });
  here?.focus({ preventScroll: true });
}

function* paragraphs(points, citations, active) {
  const mark = (part, index) =>
    citations[index] === active ? el("mark", { className: "here", tabIndex: -1 }, part) : el("mark", {}, part);
  const spans = citations.map((one) => [one.start, one.end]);
  for (let start = 0; start < points.length; ) {
    const end = points.firstFrom("\n", start);
    if (end > start) yield el("p", {}, ...marked(points, spans, mark, start, end));
    start = end + 1;
  }
}
