// Elements, and text that changes with the language. All text from outside goes in as text, never as HTML.

export const $ = (id) => document.getElementById(id);

export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

// The language of a text that is not ours, as far as its script tells; "" is HTML's word for an unknown one.
export function tongue(text) {
  if (/[\p{Script=Hiragana}\p{Script=Katakana}]/u.test(text)) return "ja";
  if (/\p{Script=Hangul}/u.test(text)) return "ko";
  return /\p{Script=Han}/u.test(text) ? "zh" : "";
}

// Offsets of the server count code points; a JavaScript string counts UTF-16 units.
export class Points {
  constructor(text) {
    this.text = text;
    this.plain = !/[\ud800-\udfff]/.test(text);
    this.points = this.plain ? text : Array.from(text);
  }
  get length() {
    return this.points.length;
  }
  slice(start, end) {
    const part = this.points.slice(start, end);
    return this.plain ? part : part.join("");
  }
  lastBefore(character, place) {
    return place > 0 ? this.points.lastIndexOf(character, place - 1) : -1;
  }
  firstFrom(character, place) {
    const found = this.points.indexOf(character, place);
    return found < 0 ? this.length : found;
  }
}

// text[from:to] with the spans ([start, end), in order) marked; `mark` makes the element of one span.
export function marked(text, spans, mark = (part) => el("mark", {}, part), from = 0, to = text.length) {
  const nodes = [];
  let at = from;
  for (const [index, [start, end]] of spans.entries()) {
    const [a, b] = [Math.max(start, at), Math.min(end, to)];
    if (a >= b) continue;
    nodes.push(text.slice(at, a), mark(text.slice(a, b), index));
    at = b;
  }
  nodes.push(text.slice(at, to));
  return nodes;
}
