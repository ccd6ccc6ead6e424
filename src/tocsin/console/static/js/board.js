// The board: rows arrive on top, change in place, and one of them is open beside the list.
import { localise } from "./times.js";
import { soundIsOn, setSound } from "./sound.js";

const list = () => document.getElementById("alerts");

function wanted(alert) {
  const board = list();
  const show = board.dataset.show;
  const levels = (board.dataset.levels || "").split(",").filter(Boolean);
  if (board.dataset.query) return false;
  if (levels.length && !levels.includes(String(alert.severity))) return false;
  if (show === "closed") return alert.status === "closed";
  if (show === "mine") return alert.mine && alert.status !== "closed";
  return alert.status !== "closed";
}

export function placeRow(alert) {
  const board = list();
  if (!board) return;
  const old = board.querySelector(`[data-alert="${CSS.escape(alert.id)}"]`);
  if (!old && !wanted(alert)) return;
  const holder = document.createElement("template");
  holder.innerHTML = alert.html; // the hub's own escaped row, never words from a screen
  const row = holder.content.firstElementChild;
  if (!row) return;
  const focused = old && old === document.activeElement;
  if (old && !alert.rings) {
    old.replaceWith(row);
  } else {
    old?.remove();
    row.classList.add("arrived");
    board.prepend(row);
    board.querySelector(".empty")?.remove();
  }
  if (focused) row.focus({ preventScroll: true });
  localise(row);
  window.htmx?.process(row);
  markCurrent();
}

// Whether a row of the queue comes before another: the graver, then the longer waiting.
const before = (a, b) => Number(a.dataset.severity) - Number(b.dataset.severity) || Number(b.dataset.number) - Number(a.dataset.number);

// The review queue: a row comes, changes or goes, and the focus stays where it was. The row that has the focus, or is
// open, is never taken away under the reader's hands: it says who has it now, and goes once they leave it.
export function placeQueued(alert) {
  const queue = document.getElementById("queue");
  if (!queue) return;
  const here = alert.queue === queue.dataset.show;
  const old = queue.querySelector(`[data-alert="${CSS.escape(alert.id)}"]`);
  tellElsewhere(alert, here);
  if (alert.queue === "support" && !document.querySelector("#queues [data-count='review-support']")) refresh("#queues"); // its chip is there while somebody waits
  if (!old && !here) return;
  const focused = old === document.activeElement;
  if (!here && !focused && !old.hasAttribute("aria-current")) { old.remove(); return; }
  const holder = document.createElement("template");
  holder.innerHTML = alert.queued; // the hub's own escaped row, never words from a screen
  const row = holder.content.firstElementChild;
  if (!row) return;
  if (!here) {
    row.classList.add("gone");
    row.addEventListener("blur", () => { if (!row.hasAttribute("aria-current")) row.remove(); });
  }
  if (old && (!here || old.dataset.severity === row.dataset.severity)) old.replaceWith(row);
  else {
    old?.remove();
    const after = queue.dataset.show === "confirm" ? queue.firstElementChild : [...queue.querySelectorAll(".row")].find((each) => before(row, each) > 0);
    if (!after && queue.querySelectorAll(".row").length >= Number(queue.dataset.most)) return;
    if (!old) row.classList.add("arrived");
    queue.insertBefore(row, after ?? queue.querySelector(".empty"));
  }
  localise(row);
  window.htmx?.process(row);
  markCurrent();
  if (focused) row.focus({ preventScroll: true });
}

function tellElsewhere(alert, here) {
  const told = document.getElementById("elsewhere");
  if (told && document.getElementById("detail")?.dataset.alert === alert.id) told.textContent = here ? "" : alert.dealt_with;
}

function refresh(part) {
  const asked = window.htmx?.ajax("GET", location.pathname + location.search, { target: part, select: part, swap: "outerHTML" });
  asked?.catch(() => {}); // the hub is away, or the page is left: what is shown stays, and is fetched when it is back
}

export function refreshBoard() {
  if (list()) refresh("#alerts");
  if (document.getElementById("queue")) refresh("#queue");
}

export function rows() {
  return [...document.querySelectorAll("#alerts .row, #queue .row, #queue .row-link")];
}

export function markCurrent() {
  const open = document.getElementById("detail")?.dataset.alert ?? "";
  for (const row of rows()) {
    if (open && row.dataset.alert === open) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  }
  const split = document.querySelector(".split");
  if (split) split.dataset.open = open ? "1" : "0";
}

export function startBoard(root) {
  markCurrent();
  const sound = document.getElementById("sound");
  if (sound && !sound.dataset.ready) {
    sound.dataset.ready = "1";
    sound.hidden = false;
    const show = () => { sound.textContent = soundIsOn() ? "Sound on" : "Sound off"; sound.setAttribute("aria-pressed", String(soundIsOn())); };
    sound.addEventListener("click", () => { setSound(!soundIsOn()); show(); });
    show();
  }
  const busy = document.activeElement?.closest?.("#detail form, dialog, .search");
  if (root instanceof Element && root.id === "detail" && !busy) root.querySelector("h1")?.focus({ preventScroll: true });
}
