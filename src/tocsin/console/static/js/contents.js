// Verdicts on the contents of one item: a digit decides the content whose row or picture has the focus.

const NAMES = "#contents .content[data-content]";
const waiting = []; // what was asked for while the card was on its way: done in order once it has come back
let busy = false;
let at = ""; // the content that was decided last, to go on from once its card has come back

const numberOf = (node) => node?.closest?.("[data-content]")?.dataset.content ?? "";

const rowOf = (number) => document.querySelector(`${NAMES}[data-content="${CSS.escape(number)}"]`);

export function inTurn(act) {
  if (!busy) return act();
  waiting.push(act);
  return true;
}

// The digits 1 to 5, where a content has the focus.
export function decide(choice) {
  const number = numberOf(document.activeElement);
  const button = () => document.querySelector(`${NAMES}[data-content="${CSS.escape(number)}"] [data-choice="${choice}"]`);
  if (!number || !button()) return false;
  return inTurn(() => { button()?.click(); return true; });
}

// To the next content that waits for a verdict, or for a second person's word, from the one that has the focus or was decided last.
export function nextContent() {
  const all = [...document.querySelectorAll(NAMES)];
  const from = all.findIndex((row) => row.dataset.content === (numberOf(document.activeElement) || at));
  const next = [...all.slice(from + 1), ...all.slice(0, from + 1)].find((row) => !row.dataset.verdict || row.dataset.waits) ?? all[from + 1] ?? all[0];
  if (!next) return false;
  next.focus();
  next.scrollIntoView({ block: "nearest" });
  return true;
}

// A picture or file says which content it is of, and what was decided of that.
export function labelContent(figure, number) {
  if (!number) return;
  figure.dataset.content = number;
  const label = document.createElement("span");
  label.className = "of-content";
  figure.querySelector("figcaption")?.prepend(label);
  showVerdicts();
}

function showVerdicts() {
  for (const label of document.querySelectorAll("figure[data-content] .of-content")) {
    const number = numberOf(label);
    const row = rowOf(number);
    label.textContent = `Content ${number}${row ? `: ${row.dataset.said}` : ""}`;
  }
}

function settle() {
  busy = false;
  waiting.length = 0;
}

export function startContents(root) {
  if (root === document || ["main", "detail"].includes(root.id)) settle();
  if (!document.getElementById("contents")) return;
  showVerdicts();
  if (!(root instanceof Element) || root.id !== "contents") return;
  document.getElementById("announce").textContent = document.getElementById("decided").textContent.split(".")[0];
  const onward = document.getElementById("go-on");
  const lost = document.activeElement === document.body; // the card was where the focus stood
  if (root.querySelector(".message.wrong")) {
    waiting.length = 0; // the digits may mean something else now
    if (lost) rowOf(at)?.focus(); // whoever decides is still at this one
    at = "";
  } else if (onward) onward.focus();
  else if (lost) nextContent();
  busy = false;
  waiting.shift()?.();
}

const ofContents = (event) => event.detail?.target?.id === "contents";
document.addEventListener("htmx:beforeRequest", (event) => { if (ofContents(event)) busy = true; });
for (const kind of ["htmx:sendError", "htmx:sendAbort", "htmx:timeout"]) document.addEventListener(kind, settle);

document.addEventListener("submit", (event) => { if (event.target.closest?.("#contents")) at = numberOf(event.target); });
