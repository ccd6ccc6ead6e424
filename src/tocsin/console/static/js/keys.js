// The keyboard: single keys, never while someone types and never with a modifier held.
import { rows } from "./board.js";
import { decide, inTurn, nextContent } from "./contents.js";

const typing = (element) => element?.matches?.("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]");

function step(by) {
  const all = rows();
  if (!all.length) return false;
  const at = all.findIndex((row) => row === document.activeElement);
  const from = at >= 0 ? at : all.findIndex((row) => row.hasAttribute("aria-current"));
  const next = all[Math.min(all.length - 1, Math.max(0, from < 0 ? 0 : from + by))];
  next.focus();
  next.scrollIntoView({ block: "nearest" });
  return true;
}

function press(name) {
  const button = document.querySelector(`[data-key="${name}"]`);
  if (!button || button.disabled) return false;
  button.click();
  return true;
}

function close(verdict) {
  const details = document.getElementById("close");
  if (!details) return false;
  details.open = true;
  const choice = details.querySelector(`input[name=verdict][value="${verdict}"]`);
  if (choice) choice.checked = true;
  details.querySelector("textarea")?.focus();
  return true;
}

// The next picture or file: its button shows it while the space bar is held.
function item() {
  const all = [...document.querySelectorAll("#evidence figure button")].filter((button) => button.matches(".hold") || !button.closest("figure").querySelector(".hold"));
  if (!all.length) return false;
  const at = all.indexOf(document.activeElement);
  const next = all[(at + 1) % all.length];
  next.focus();
  next.scrollIntoView({ block: "nearest" });
  return true;
}

function verdict() {
  const details = document.getElementById("close");
  if (!details?.querySelector("[data-choice]")) return false;
  details.open = true;
  (details.querySelector("[data-choice]:checked") ?? details.querySelector("[data-choice]")).focus();
  return true;
}

function choose(number) {
  const details = document.querySelector("#close[open]");
  const choice = details?.querySelector(`[data-choice="${number}"]`);
  if (!choice) return false;
  choice.checked = true;
  details.querySelector("textarea")?.focus();
  return true;
}

const deeds = {
  i: item,
  c: nextContent,
  v: verdict,
  ...Object.fromEntries([1, 2, 3, 4, 5].map((number) => [String(number), () => choose(number) || decide(number)])),
  j: () => step(1),
  k: () => step(-1),
  a: () => press("a"),
  e: () => press("e") && (document.getElementById("e-reason")?.select(), true),
  o: () => press("o"),
  u: () => inTurn(() => press("u")),
  t: () => close("true-concern"),
  f: () => close("benign"),
  "/": () => { const field = document.getElementById("q"); field?.focus(); field?.select(); return Boolean(field); },
  "?": () => { document.getElementById("help")?.showModal(); return true; },
};

export function startKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.key === "Escape" && typing(event.target) && !event.target.closest(".act")) { event.target.blur(); return; }
    if (event.key === "Escape") {
      const details = document.querySelector(".act details[open]");
      if (details) { details.open = false; details.querySelector("summary").focus(); }
      return;
    }
    if (typing(event.target) || document.querySelector("dialog[open]")) return;
    if (deeds[event.key]?.()) event.preventDefault();
  });
}
