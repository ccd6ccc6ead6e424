// Sealed pictures, opened in this tab: blurred, grey and small, and shown only while a person holds a button or a key.

import { record } from "./views.js";

const HOLD_MS = 250; // a click, or a key touched in passing, shows nothing
const HOLD_KEYS = [" ", "Enter"];

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

const open = new Set(); // whoever is held open now; leaving the window lets go of all
function letGo() { for (const close of [...open]) close(); }
window.addEventListener("blur", letGo);
document.addEventListener("visibilitychange", letGo);

export function holdable(button, figure, shown, name) {
  let waiting = 0;
  let turn = 0;
  const close = () => {
    turn += 1;
    clearTimeout(waiting);
    waiting = 0;
    open.delete(close);
    figure.classList.remove("open", "holding");
    button.setAttribute("aria-pressed", "false");
    shown.setAttribute("aria-label", `${name}, blurred`);
  };
  const hold = () => {
    if (open.has(close)) return;
    letGo();
    open.add(close);
    figure.classList.add("holding");
    const mine = turn;
    waiting = setTimeout(async () => {
      const how = shown.tagName === "VIDEO" ? "played" : figure.classList.contains("grey") ? "grey" : "colour";
      if (!(await record(figure, how)) || mine !== turn) return;
      figure.classList.add("open");
      button.setAttribute("aria-pressed", "true");
      shown.setAttribute("aria-label", `${name}, shown while held`);
    }, HOLD_MS);
  };
  button.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    button.setPointerCapture?.(event.pointerId);
    hold();
  });
  for (const kind of ["pointerup", "pointercancel", "lostpointercapture", "blur"]) button.addEventListener(kind, close);
  button.addEventListener("contextmenu", (event) => event.preventDefault()); // a long press on glass is a hold here
  button.addEventListener("keydown", (event) => {
    if (!HOLD_KEYS.includes(event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    if (!event.repeat) hold();
  });
  button.addEventListener("keyup", (event) => { if (HOLD_KEYS.includes(event.key)) { event.preventDefault(); close(); } });
}

export async function showPicture(gallery, picture, number) {
  const bytes = Uint8Array.from(atob(String(picture.data ?? "")), (c) => c.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes], { type: /^image\/[a-z]+$/.test(picture.mime) ? picture.mime : "image/png" }));
  const canvas = element("canvas");
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  bitmap.close();
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `Picture ${number}, blurred`);
  const figure = element("figure", "grey");
  const pane = element("div", "pane");
  pane.append(canvas);
  const show = element("button", "hold", "Hold to show");
  const grey = element("button", "", "Colour");
  for (const button of [show, grey]) { button.type = "button"; button.setAttribute("aria-pressed", "false"); }
  show.setAttribute("aria-describedby", "picture-warning");
  show.setAttribute("aria-label", `Picture ${number}: hold to show`);
  holdable(show, figure, canvas, `Picture ${number}`);
  grey.setAttribute("aria-label", `Picture ${number}: in colour while shown`);
  grey.addEventListener("click", () => {
    const now = figure.classList.toggle("grey");
    grey.setAttribute("aria-pressed", String(!now));
  });
  const caption = element("figcaption");
  const known = picture.name ? ` · ${String(picture.name).slice(0, 200)}` : "";
  caption.append(element("span", "words", `Picture ${number} · ${canvas.width} × ${canvas.height}${known}`), show, grey);
  figure.append(pane, caption);
  gallery.append(figure);
  return figure;
}

// One step at a time: large opens only from medium, so that no single click makes a picture full size.
export function startSizes(box) {
  const gallery = box.querySelector("[data-part=pictures]");
  const buttons = [...box.querySelectorAll("button[data-size]")];
  const order = buttons.map((button) => button.dataset.size);
  const settle = () => {
    const at = order.indexOf(gallery.dataset.size);
    buttons.forEach((button, i) => {
      button.setAttribute("aria-pressed", String(i === at));
      button.disabled = i > at + 1;
    });
  };
  for (const button of buttons) button.addEventListener("click", () => { gallery.dataset.size = button.dataset.size; settle(); });
  settle();
}
