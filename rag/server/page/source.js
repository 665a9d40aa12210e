// A document beside the chat, scrolled to what was cited.

import { pagePicture, sourcePage } from "/page/api.js";
import { $, el, marked, tongue } from "/page/dom.js";
import { claim, openPane } from "/page/pane.js";
import { documentOf, fits } from "/page/preview.js";
import { say, sayAs } from "/page/words.js";

// `others`: what else the same answer cites; those of the same document are marked too, less strongly.
export async function openSource(citation, others, from) {
  const wanted = claim();
  let document;
  try {
    document = await documentOf(citation);
    if (!wanted()) return;
  } catch (error) {
    if (!wanted()) return;
    const told = el("p", { className: "trouble", role: "alert" });
    if (error.status === 404) say(told, "gone");
    else told.textContent = error.message;
    openPane("source", from, null, say(el("h2"), "source"), told);
    return;
  }
  const sameOne = others.filter((one) => one.document_id === citation.document_id && one.end > one.start);
  const inIt = sameOne.filter((one) => fits(document.points, one));
  inIt.sort((one, other) => one.start - other.start);
  const away = say(el("a", { href: sourcePage(citation), target: "_blank", rel: "noopener" }), "ownPage");
  const facts = [document.path, document.date, citation.locator].filter(Boolean).join(" · ");
  const title = document.title || document.path;
  const head = el("header", {}, el("h2", { lang: tongue(title) }, title), el("p", {}, facts, " · ", away));
  const lang = tongue(document.points.slice(0, 1000));
  const text = el("div", { className: "text", lang }, ...paragraphs(document.points, inIt, citation));
  const sound = fits(document.points, citation);
  if (!sound) head.append(say(el("p", { className: "trouble", role: "alert" }), "changed"));
  const pages = document.pictures && sound ? pagesOf(citation) : [];
  if (pages.length) {
    openPane("source", from, null, head, ...views(citation, pages, head, text));
  } else {
    openPane("source", from, null, head, text);
    showMark(text);
  }
}

function showMark(text) {
  const here = text.querySelector("mark.here");
  here?.scrollIntoView({ block: "center" });
  here?.focus({ preventScroll: true });
}

// The numbers of the pages that the citation stands on.
function pagesOf(citation) {
  const [, first, last] = /^p(\d+)(?:-p(\d+))?$/.exec(citation.locator) ?? [];
  return first ? [...new Set([Number(first), Number(last ?? first)])] : [];
}

// The pages as they are printed, which come first, and the text: two buttons in `head` choose. Where no page comes, the
// text.
function views(citation, pages, head, text) {
  const printed = el("div", { className: "printed" }, say(el("p", { role: "status" }), "drawing"));
  const buttons = [say(el("button", { type: "button" }), "asPrinted"), say(el("button", { type: "button" }), "asText")];
  const choice = el("div", { className: "views" }, ...buttons);
  const show = (printedNow) => {
    printed.hidden = !printedNow;
    text.hidden = printedNow;
    for (const [index, button] of buttons.entries()) button.setAttribute("aria-pressed", printedNow === (index === 0));
  };
  buttons[0].onclick = () => show(true);
  buttons[1].onclick = () => {
    show(false);
    showMark(text);
  };
  show(true);
  draw(citation, pages, printed).catch(() => {
    show(false);
    choice.remove();
    showMark(text);
  });
  head.append(choice);
  return [printed, text];
}

async function draw(citation, pages, printed) {
  for (const [index, page] of pages.entries()) {
    const { picture, markedAt } = await pagePicture(citation, page);
    if (!printed.isConnected) return;
    const canvas = el("canvas", { width: picture.width, height: picture.height, role: "img" });
    sayAs(canvas, "aria-label", markedAt === null ? "page" : "pageMarked", page);
    canvas.getContext("2d").drawImage(picture, 0, 0);
    picture.close();
    if (index) printed.append(canvas);
    else printed.replaceChildren(canvas);
    const pane = $("pane");
    if (!index && markedAt !== null && !printed.hidden)
      pane.scrollTop = canvas.offsetTop + markedAt * canvas.clientHeight - pane.clientHeight / 3;
  }
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
