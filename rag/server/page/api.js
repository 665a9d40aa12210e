// The server's API. Every failure is an ApiError whose message is one line for people.

import { anotherKey, heldKey } from "/page/key.js";
import { language, words } from "/page/words.js";

export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function send(path, options = {}) {
  for (;;) {
    const key = heldKey();
    const headers = { "Accept-Language": language(), ...options.headers };
    if (key) headers.Authorization = `Bearer ${key}`;
    let response;
    try {
      response = await fetch(path, { ...options, headers });
    } catch {
      throw new ApiError(0, words("unreachable"));
    }
    if (response.ok) return response;
    let detail = `${response.status} ${response.statusText}`;
    try {
      detail = (await response.json()).detail ?? detail;
    } catch {} // not ours: a proxy's page
    if (response.status !== 401 || !(await anotherKey(key, detail))) throw new ApiError(response.status, detail);
  }
}

const asJson = (body) => ({
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body),
});

// `filters`: only documents that meet them are asked; null for all.
export async function ask(question, history, filters) {
  return (await send("/ask", asJson({ question, history, filters }))).json();
}

export async function suggestions() {
  return (await (await send("/suggestions")).json()).questions;
}

export async function countDocuments() {
  return (await (await send("/documents?limit=1")).json()).total;
}

export async function listDocuments() {
  const all = [];
  for (;;) {
    const part = await (await send(`/documents?limit=1000&offset=${all.length}`)).json();
    all.push(...part.documents);
    if (all.length >= part.total || !part.documents.length) return all;
  }
}

export async function getDocument(id) {
  return (await send(`/documents/${encodeURIComponent(id)}`)).json();
}

// A page of a document as it is printed, what is cited marked on it. `markedAt` is a share of its height, or null.
export async function pagePicture(one, page) {
  const where = `/documents/${encodeURIComponent(one.document_id)}/pages/${page}`;
  const response = await send(where + span(one));
  const at = response.headers.get("X-Marked-At");
  return { picture: await createImageBitmap(await response.blob()), markedAt: at === null ? null : Number(at) };
}

export async function removeDocument(id, all = false) {
  await send(`/documents/${encodeURIComponent(id)}${all ? "?all=true" : ""}`, { method: "DELETE" });
}

// `said`: title, date and metadata of the document, as the form takes them. `onEvent(name, data)` hears of "progress" and "done"; an "error" is thrown.
export async function upload(file, said, onEvent) {
  const form = new FormData();
  for (const [name, value] of Object.entries(said)) form.append(name, value);
  form.append("files", file);
  const response = await send("/documents", { method: "POST", body: form, headers: { Accept: "text/event-stream" } });
  let rest = "";
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const events = (rest + part.value).split("\n\n");
    rest = events.pop();
    for (const event of events) {
      const [, name, data] = /^event: (\w+)\ndata: (.*)$/s.exec(event) ?? [];
      if (name === "error") throw new ApiError(500, JSON.parse(data).detail);
      if (name) onEvent(name, JSON.parse(data));
    }
  }
}

// The document as a page of its own, with what is cited marked.
export function sourcePage(one) {
  return `/source/${encodeURIComponent(one.document_id)}${span(one)}`;
}

function span({ start, end, quote }) {
  return end > start ? `?start=${start}&end=${end}&check=${checkOf(quote)}` : "";
}

// Adler-32 of the UTF-8, by which the server sees that the quote no longer stands there; as in links.py.
function checkOf(quote) {
  let [a, b] = [1, 0];
  for (const byte of new TextEncoder().encode(quote)) {
    a = (a + byte) % 65521;
    b = (b + a) % 65521;
  }
  return (b * 65536 + a).toString(16).padStart(8, "0");
}
