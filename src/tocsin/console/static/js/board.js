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
  if (old && !alert.rings) {
    const focused = old === document.activeElement;
    old.replaceWith(row);
    if (focused) row.focus();
  } else {
    old?.remove();
    row.classList.add("arrived");
    board.prepend(row);
    board.querySelector(".empty")?.remove();
  }
  localise(row);
  window.htmx?.process(row);
  markCurrent();
}

export function refreshBoard() {
  if (list() && window.htmx) {
    window.htmx.ajax("GET", location.pathname + location.search, { target: "#alerts", select: "#alerts", swap: "outerHTML" });
  }
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
