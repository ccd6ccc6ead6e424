// Files that were sealed beside the words: listed, and opened only on a click. A video plays muted and blurred.
import { holdable } from "./pictures.js";
import { record } from "./views.js";

const VIDEO = new Set(["video/mp4", "video/webm", "video/quicktime", "video/mp2t", "video/x-matroska"]);
const PICTURE = new Set(["image/jpeg", "image/png", "image/gif", "image/webp", "image/avif", "image/bmp"]);
const urls = new Set();

// A picture that came as a file is shown as pictures are: still, blurred, grey, and only while held.
export const isPicture = (file) => PICTURE.has(file?.mime);

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function button(words, label) {
  const made = element("button", "", words);
  made.type = "button";
  made.setAttribute("aria-label", label);
  return made;
}

function urlOf(file, type) {
  const text = atob(String(file.data ?? ""));
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
  const url = URL.createObjectURL(new Blob([bytes], { type }));
  urls.add(url);
  return url;
}

// Nothing that was opened stays readable in the tab once the key is locked.
export function clearFiles(into) {
  for (const url of urls) URL.revokeObjectURL(url);
  urls.clear();
  into.replaceChildren();
}

const safeName = (name, number) => `file-${number}-${String(name ?? "").split("/").at(-1).replace(/[^\w.-]+/g, "_").slice(-80)}`;

function save(file, number) {
  const link = element("a");
  link.href = urlOf(file, "application/octet-stream"); // never a page of its own
  link.download = safeName(file.name, number);
  link.click();
}

function play(file, number, figure, pane) {
  const video = element("video");
  video.muted = true;
  video.controls = true;
  video.disablePictureInPicture = true;
  video.setAttribute("controlslist", "nodownload nofullscreen noremoteplayback");
  video.setAttribute("aria-label", `Video ${number}, blurred and muted`);
  video.addEventListener("error", () => pane.replaceChildren(element("p", "soft", "This browser cannot play this video. Save it, and open it with a player.")));
  video.addEventListener("volumechange", () => { video.muted = true; });
  video.src = urlOf(file, String(file.mime));
  pane.replaceChildren(video);
  const show = button("Hold to show", `Video ${number}: hold to show`);
  show.className = "hold";
  show.setAttribute("aria-pressed", "false");
  show.setAttribute("aria-describedby", "picture-warning");
  holdable(show, figure, video, `Video ${number}`);
  return show;
}

export function offerSaving(figure, file, number) {
  const keep = button("Save unsealed", `File ${number}: save it unsealed to this computer`);
  keep.addEventListener("click", async () => { if (await record(figure, "saved")) save(file, number); });
  figure.querySelector("figcaption").append(keep);
}

export function showFile(into, file, number) {
  const figure = element("figure", "grey");
  const pane = element("div", "pane");
  const caption = element("figcaption");
  const size = Math.round((String(file.data ?? "").length * 3) / 4 / 1024);
  caption.append(element("span", "words", `File ${number} · ${String(file.name ?? "").slice(0, 200)} · ${String(file.mime ?? "").slice(0, 80)} · ${size} KiB`));
  if (VIDEO.has(file.mime)) {
    const open = button("Open, muted and blurred", `File ${number}: open the video, muted and blurred`);
    open.addEventListener("click", () => open.replaceWith(play(file, number, figure, pane)));
    caption.append(open);
  }
  figure.append(pane, caption);
  offerSaving(figure, file, number);
  into.append(figure);
  return figure;
}
