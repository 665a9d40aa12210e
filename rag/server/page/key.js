// The API key, where the server wants one: asked for once, and kept until the tab is closed.

import { $ } from "/page/dom.js";

let key = stored();
let asking = null; // one dialog, however many requests wait for it

function stored() {
  try {
    return sessionStorage.getItem("key") ?? "";
  } catch {
    return ""; // storage is forbidden: the key lasts as long as the page
  }
}

export const heldKey = () => key;

// Whether there is another key than `refused` now. `why` is shown where a key was refused.
export function anotherKey(refused, why) {
  if (key !== refused) return true;
  asking ??= askForKey(refused && why).finally(() => (asking = null));
  return asking;
}

function askForKey(why) {
  const dialog = $("key");
  const secret = $("secret");
  $("key-why").textContent = why;
  $("key-why").hidden = !why;
  secret.value = "";
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.onclose = () => {
      const given = dialog.returnValue === "yes";
      if (given) keepKey(secret.value);
      secret.value = "";
      resolve(given);
    };
  });
}

function keepKey(given) {
  key = given;
  try {
    sessionStorage.setItem("key", given);
  } catch {}
}

$("secret").addEventListener("input", () => ($("secret").value = $("secret").value.trim())); // as it was copied
