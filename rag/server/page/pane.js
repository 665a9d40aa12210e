// The room beside the chat (on a phone, over it): a source, or the list of documents. One thing at a time.

import { $, el } from "/page/dom.js";
import { sayAs } from "/page/words.js";

let opener = null; // gets the focus back
let onClosed = () => {};

const narrow = matchMedia("(max-width: 60rem)"); // as in page.css

// What the pane covers on a phone is out of reach of the keyboard and of screen readers too.
function cover() {
  const covered = narrow.matches && !$("pane").hidden;
  for (const node of document.querySelectorAll(".skip, .bar, main")) node.inert = covered;
}

narrow.addEventListener("change", cover);

let claimed = 0;

// What takes time to come asks here whether it is still wanted: not once something else was asked for, or the pane closed.
export function claim() {
  const mine = ++claimed;
  return () => mine === claimed;
}

// `head` stays in sight. `closed` is called once, when something else is opened here or nothing.
export function openPane(label, from, closed, head, ...content) {
  claimed++;
  const pane = $("pane");
  const wasOpen = !pane.hidden;
  if (wasOpen) onClosed();
  if (!wasOpen || from?.isConnected) opener = from;
  onClosed = closed ?? (() => {});
  const close = el("button", { type: "button", className: "close", onclick: closePane });
  sayAs(close, "aria-label", "close");
  sayAs(pane, "aria-label", label);
  pane.replaceChildren(el("div", { className: "top" }, close, head), ...content);
  pane.hidden = false;
  cover();
  $("rooms").classList.add("two");
  pane.scrollTop = 0;
  pane.focus({ preventScroll: true });
  if (!wasOpen) history.pushState({ pane: true }, ""); // the way back closes it
}

// Hidden before the way back is taken: a second click or Escape finds nothing to close, and does not leave the page.
export function closePane() {
  if (hidePane()) history.back();
}

addEventListener("popstate", hidePane);

// Whether there was one to hide.
function hidePane() {
  claimed++;
  const pane = $("pane");
  if (pane.hidden) return false;
  pane.hidden = true;
  pane.replaceChildren();
  cover();
  $("rooms").classList.remove("two");
  onClosed();
  onClosed = () => {};
  (opener?.isConnected ? opener : $("question")).focus({ preventScroll: true });
  return true;
}
