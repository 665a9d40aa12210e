// The thread: questions, answers with their sources, abstentions; what is asked next is asked with what came before.

import { ask, sourcePage } from "/page/api.js";
import { $, Points, el, marked, tongue } from "/page/dom.js";
import { describe, offerPreview } from "/page/preview.js";
import { described, filters } from "/page/scope.js";
import { openSource } from "/page/source.js";
import { say, sayAs, words } from "/page/words.js";

const REMEMBERED = 6; // exchanges that go with a question
const ALSO_SHOWN = 3; // other documents that hold a sentence
const SLOW = 150; // milliseconds after which it is said that something is under way

let history = [];
let latest = Promise.resolve(); // of the question before: what is asked next may follow on its answer
let thread = 0; // grows with every new chat: an answer that comes late belongs to the old one

export function startAnew() {
  history = [];
  latest = Promise.resolve();
  thread += 1;
  $("thread").replaceChildren();
  $("welcome").hidden = false;
  $("question").focus();
}

export function put(question) {
  latest = exchange(question, latest);
}

async function exchange(question, before) {
  const mine = thread;
  $("welcome").hidden = true;
  const article = el("article", { className: "exchange", tabIndex: -1 });
  const you = say(el("span", { className: "hidden" }), "you");
  const asked = el("h2", { className: "asked" }, you, el("span", { lang: tongue(question) }, question));
  const reply = el("div", { className: "reply" });
  const only = filters();
  article.append(asked, ...(only ? [say(el("p", { className: "understood" }), "onlyIn", described())] : []), reply);
  $("thread").append(article);
  const waiting = setTimeout(() => reply.append(say(el("p", { className: "waiting" }), "reading")), SLOW);
  show(article);
  try {
    await before;
    if (mine !== thread) return;
    const answer = await ask(question, history.slice(-2 * REMEMBERED), only);
    if (mine !== thread) return;
    history.push({ role: "user", text: answer.standalone_question });
    if (answer.text) history.push({ role: "assistant", text: answer.text });
    reply.replaceChildren(...replyTo(question, answer));
  } catch (error) {
    const again = say(el("button", { type: "button", onclick: () => (article.remove(), put(question)) }), "retry");
    reply.replaceChildren(el("p", { className: "trouble", role: "alert" }, error.message), again);
  } finally {
    clearTimeout(waiting);
    show(article);
  }
}

// The whole exchange where there is room for it, else its beginning.
function show(article) {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const fits = article.offsetHeight < $("thread").parentElement.clientHeight - $("ask").offsetHeight;
  article.scrollIntoView({ block: fits ? "end" : "start", behavior: calm ? "auto" : "smooth" });
}

function* replyTo(question, answer) {
  if (answer.standalone_question !== question) {
    yield say(el("p", { className: "understood" }), "understood", answer.standalone_question);
  }
  if (answer.status === "answered") {
    yield el("ol", { className: "sentences" }, ...answer.sentences.map((one) => sentence(one, answer)));
    yield footing(question, answer);
    return;
  }
  const found = el("div", { className: "abstained" }, say(el("h3"), "noAnswer"), say(el("p"), answer.reason));
  yield found;
  if (answer.nearest.length) {
    const cited = answer.nearest.map((one) => one.citation);
    const items = answer.nearest.map((one) => near(one, cited));
    yield el("section", { className: "nearest" }, say(el("h3"), "nearest"), el("ol", {}, ...items));
  }
}

function sentence(one, answer) {
  const citation = answer.citations.find((other) => other.number === one.citation);
  const text = new Points(one.text);
  const quote = el("span", { lang: tongue(one.text) }, ...marked(text, one.highlights));
  const words = el("p", { className: "words" }, quote, " ");
  words.append(sourceButton("mark", `[${citation.number}]`, citation, answer.citations));
  const line = sourceButton("from", describe(citation), citation, answer.citations);
  line.tabIndex = -1; // the same as the mark before it, for a pointer
  return el("li", {}, words, line, ...alsoIn(citation));
}

function near(one, cited) {
  const quote = el("p", { lang: tongue(one.text) }, ...marked(new Points(one.text), one.highlights));
  const chance = say(el("span", { className: "chance" }), "chance", Math.round(100 * one.confidence));
  const from = sourceButton("from", describe(one.citation), one.citation, cited);
  return el("li", {}, quote, el("div", { className: "under" }, from, chance), ...alsoIn(one.citation));
}

// The other documents that hold the sentence; each opens at its place there.
function* alsoIn(citation) {
  if (!citation.also_in.length) return;
  const places = citation.also_in.slice(0, ALSO_SHOWN).map((one) => {
    const button = el("button", { type: "button", className: "from" }, describe(one));
    offerPreview(button, one, () => openSource(one, [one], button));
    return button;
  });
  const line = el("p", { className: "also" }, say(el("span"), "also"), " ", ...places);
  const more = citation.also_in.length - places.length;
  if (more) line.append(say(el("span"), "alsoMore", more));
  yield line;
}

function sourceButton(kind, text, citation, all) {
  const button = el("button", { type: "button", className: kind }, text);
  sayAs(button, "aria-label", "cited", citation.number, describe(citation));
  offerPreview(button, citation, () => openSource(citation, all, button));
  return button;
}

function footing(question, answer) {
  const p = answer.confidence;
  const sure = say(el("span", { className: "sure" }), p >= 0.85 ? "sure" : p >= 0.65 ? "fairly" : "unsure");
  sayAs(sure, "title", "confidence", p.toFixed(2));
  const copy = say(el("button", { type: "button", className: "copy" }), "copy");
  copy.onclick = () => copyAnswer(question, answer);
  return el("footer", { className: "footing" }, sure, copy);
}

// --- copying ---------------------------------------------------------------------------------------------------------

const escaped = (text) => text.replace(/[\\`*_{}[\]<>#|~]/g, "\\$&").replace(/\s+/g, " ");

export function asMarkdown(question, answer) {
  const lines = answer.sentences.map((one) => `> ${escaped(one.text)}[^${one.citation}]`);
  const notes = answer.citations.map((one) => {
    const where = `${escaped(describe(one))}, ${escaped(one.path)}`;
    return `[^${one.number}]: ${where} <${location.origin}${sourcePage(one)}>`;
  });
  return [`**${escaped(question)}**`, lines.join("\n>\n"), notes.join("\n")].join("\n\n") + "\n";
}

async function copyAnswer(question, answer) {
  try {
    await copy(asMarkdown(question, answer));
    tell("copied");
  } catch {
    tell("notCopied");
  }
}

// Over plain HTTP from another machine a browser offers the old way alone.
async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const from = document.activeElement;
  const field = el("textarea", { className: "hidden", readOnly: true, value: text });
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  from.focus({ preventScroll: true });
  if (!done) throw new Error("not copied");
}

export function tell(key, ...given) {
  $("status").textContent = "";
  $("status").textContent = words(key, ...given);
  const note = el("p", { className: "note", ariaHidden: "true" }, words(key, ...given));
  document.body.append(note);
  setTimeout(() => note.remove(), 2500);
}
