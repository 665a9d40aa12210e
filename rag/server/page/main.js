// Wires the page together.

import { countDocuments, suggestions } from "/page/api.js";
import { put, startAnew } from "/page/chat.js";
import { add, note, openDocuments, whenChanged } from "/page/documents.js";
import { $, el, tongue } from "/page/dom.js";
import { dropped } from "/page/drop.js";
import { closePane } from "/page/pane.js";
import { hidePreview } from "/page/preview.js";
import { openScope } from "/page/scope.js";
import { keep, kept, say, sayAll, sayAs, switchLanguage, words } from "/page/words.js";

const asked = []; // earlier questions, for the arrow keys
let recalled = 0;

// --- asking ----------------------------------------------------------------------------------------------------------

const question = $("question");
const touched = matchMedia("(hover: none)").matches; // the keyboard on the screen takes half of it

function fit() {
  question.style.height = "auto";
  question.style.height = `${question.scrollHeight + 2}px`;
}

function askNow(text) {
  const given = text.trim();
  if (!given) return;
  asked.push(given);
  recalled = asked.length;
  question.value = "";
  fit();
  if (touched) question.blur();
  put(given);
}

$("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  askNow(question.value);
});

// An input method is at work. Safari says so with a key code alone where the key ends the word.
const composing = (event) => event.isComposing || event.keyCode === 229;

question.addEventListener("input", fit);
question.addEventListener("keydown", (event) => {
  if (composing(event)) return; // Enter chooses a character
  if (event.key === "Enter" && !event.shiftKey) {
    event.preventDefault();
    askNow(question.value);
  }
  if ((event.key === "ArrowUp" && !question.value) || (event.key === "ArrowUp" && question.value === asked[recalled])) {
    recalled = Math.max(0, recalled - 1);
    question.value = asked[recalled] ?? "";
    fit();
  }
});

addEventListener("keydown", (event) => {
  if (composing(event) || document.querySelector("dialog[open]")) return;
  if (event.key === "Escape" && !hidePreview()) closePane();
});

$("new").addEventListener("click", startAnew);
$("documents").addEventListener("click", () => {
  if ($("documents").getAttribute("aria-expanded") === "true") closePane();
  else openDocuments($("documents"));
});

$("scope").addEventListener("click", () => {
  if ($("scope").getAttribute("aria-expanded") === "true") closePane();
  else openScope($("scope"));
});

// --- language and colours ------------------------------------------------------------------------------------------

$("language").addEventListener("click", switchLanguage);

const THEMES = ["auto", "light", "dark"];
let theme = THEMES.includes(kept("theme")) ? kept("theme") : "auto";

function colour() {
  document.documentElement.dataset.theme = theme;
  say($("theme"), `theme_${theme}`);
  sayAs($("theme"), "aria-label", "themeIs", () => words(`theme_${theme}`));
}

$("theme").addEventListener("click", () => {
  theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
  keep("theme", theme);
  colour();
});

// --- files dropped anywhere ------------------------------------------------------------------------------------------

const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");

addEventListener("dragover", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  $("drop").hidden = false;
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) $("drop").hidden = true;
});
addEventListener("drop", async (event) => {
  $("drop").hidden = true;
  if (!carriesFiles(event)) return;
  event.preventDefault();
  const gone = (name) => void note(words("unreadable", name), "trouble");
  const files = dropped(event.dataTransfer, gone, (most) => note(words("foldersMost", most), "trouble"));
  if ($("documents").getAttribute("aria-expanded") !== "true") await openDocuments($("documents"));
  add(await files);
});

// --- what to begin with ----------------------------------------------------------------------------------------------

function hold(count) {
  if (count) say($("held"), "held", count);
  else say($("held"), "empty");
}

async function suggest() {
  try {
    const found = await suggestions();
    $("suggestions").replaceChildren(
      ...found.map((text) =>
        el("li", {}, el("button", { type: "button", lang: tongue(text), onclick: () => askNow(text) }, text)),
      ),
    );
  } catch {
    $("suggestions").replaceChildren(); // nobody needs them
  }
}

whenChanged((count) => {
  hold(count);
  suggest();
});

sayAll();
colour();
countDocuments().then(hold, (error) => ($("held").textContent = error.message));
suggest();
if (!touched) question.focus();
