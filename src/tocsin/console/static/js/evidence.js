// Opens sealed evidence in this tab. What it holds is put into the page as text, never as markup.
import { labelContent } from "./contents.js";
import { showFacts } from "./facts.js";
import { clearFiles, isPicture, offerSaving, showFile } from "./files.js";
import * as keyring from "./keyring.js";
import { showMedia } from "./media.js";
import { showPicture, startSizes } from "./pictures.js";
import { timeElement } from "./times.js";
import { recordView } from "./views.js";

const ABREAST = 4;
const SPEAKERS = { subject: "subject", other: "other", unknown: "not known" };
const PARTICIPANTS = { ...SPEAKERS, subject: "participant" }; // at an internet service
const speakerOf = (name) => (Object.hasOwn(SPEAKERS, name) ? name : "unknown");

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

const lineOf = (raw, order) => ({
  text: String(raw?.text ?? "").slice(0, 4000), speaker: speakerOf(raw?.speaker), at: typeof raw?.at === "string" ? raw.at : "", spans: [], order,
});
const sameWords = (a, b) => a.text === b.text && a.speaker === b.speaker;

function spansOf(raw, length) {
  return (Array.isArray(raw) ? raw : []).filter((s) => Array.isArray(s) && Number.isInteger(s[0]) && Number.isInteger(s[1]) && s[0] >= 0 && s[0] < s[1] && s[1] <= length);
}

// Findings of one alert overlap: the same line seen twice is shown once, with the words of both findings marked.
export function merge(documents) {
  const places = new Map();
  let order = 0;
  for (const doc of documents) {
    const key = `${doc.app ?? ""}\u0000${doc.title ?? ""}`;
    if (!places.has(key)) places.set(key, { app: String(doc.app ?? ""), title: String(doc.title ?? ""), whys: [], lines: [] });
    const place = places.get(key);
    if (doc.why) place.whys.push(String(doc.why));
    const known = (line) => place.lines.find((l) => sameWords(l, line) && l.at === line.at);
    for (const raw of Array.isArray(doc.context) ? doc.context : []) {
      const line = lineOf(raw, order += 1);
      if (!known(line)) place.lines.push(line);
    }
    for (const raw of Array.isArray(doc.quotes) ? doc.quotes : []) {
      const quote = lineOf(raw, order += 1);
      let line = known(quote) ?? place.lines.find((l) => sameWords(l, quote) && (!l.at || !quote.at));
      if (!line) { line = quote; place.lines.push(line); }
      line.hit = true;
      line.spans.push(...spansOf(raw.spans, [...line.text].length));
    }
  }
  for (const place of places.values()) place.lines.sort((a, b) => (a.at && b.at && a.at !== b.at ? (a.at < b.at ? -1 : 1) : a.order - b.order));
  return [...places.values()];
}

// Spans count characters as Python does (code points), so the text is cut by code points, too.
function marked(text, spans) {
  const into = element("span", "words");
  const letters = [...text];
  const on = new Array(letters.length).fill(false);
  for (const [from, to] of spans) on.fill(true, from, to);
  for (let i = 0; i < letters.length;) {
    let j = i;
    while (j < letters.length && on[j] === on[i]) j += 1;
    const part = letters.slice(i, j).join("");
    into.append(on[i] ? element("mark", "", part) : part);
    i = j;
  }
  return into;
}

function showWords(thread, places, speakers) {
  thread.replaceChildren();
  for (const place of places) {
    const where = [place.app, place.title && `“${place.title}”`].filter(Boolean).join(", ");
    if (where) thread.append(element("p", "where", where));
    const whys = [...new Set(place.whys)];
    if (whys.length) {
      const why = element("p", "because");
      why.append(element("b", "", "Why it was reported: "), element("span", "words", whys.at(-1)));
      thread.append(why);
    }
    for (const line of place.lines) {
      if (!line.hit && line.speaker === "unknown" && [...line.text.trim()].length < 2) continue; // a scroll bar read as a digit
      const row = element("div", line.hit ? "msg hit" : "msg");
      row.append(line.at ? timeElement(line.at, "clock") : element("span", "speaker", ""));
      row.append(element("span", "speaker", speakers[line.speaker]));
      row.append(marked(line.text, line.spans));
      thread.append(row);
    }
  }
}

async function openOne(item) {
  const answer = await fetch(item.url, { credentials: "same-origin", headers: { Accept: "application/octet-stream" } });
  if (!answer.ok) {
    let sentence = `The hub answered ${answer.status}.`;
    try { sentence = (await answer.json()).sentence ?? sentence; } catch { /* not JSON */ }
    throw new Error(sentence);
  }
  const bytes = await answer.arrayBuffer();
  const digest = [...new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))].map((b) => b.toString(16).padStart(2, "0")).join("");
  if (digest !== item.digest) throw new Error("The file the hub sent is not the one that the device signed; nothing was opened.");
  return JSON.parse(await keyring.decrypt(bytes));
}

// Items count the pictures of one sealed document and then its files, from 1; 0 is its words.
function name(figure, doc) {
  figure.dataset.evidence = doc.digest;
  figure.dataset.item = doc.item;
  labelContent(figure, doc.content);
}

async function openAll(box) {
  const items = JSON.parse(box.dataset.items);
  const part = (name) => box.querySelector(`[data-part=${name}]`);
  part("unlock").hidden = true;
  part("status").textContent = items.length === 1 ? "Opening…" : `Opening ${items.length} pieces…`;
  const documents = new Array(items.length).fill(null);
  const troubles = new Set();
  let next = 0;
  const work = async () => {
    while (next < items.length) {
      const i = next;
      next += 1;
      try {
        const doc = await openOne(items[i]);
        await recordView(box.dataset.alert, items[i].digest, 0, "words");
        documents[i] = Object.assign(doc, { digest: items[i].digest, content: items[i].content });
      } catch (error) { troubles.add(error.message); }
    }
  };
  await Promise.all(Array.from({ length: ABREAST }, work));
  if (!box.isConnected || !keyring.isUnlocked()) return;
  const opened = documents.filter(Boolean);
  showWords(part("thread"), merge(opened), box.dataset.platform === "1" ? PARTICIPANTS : SPEAKERS);
  showMedia(part("media"), opened);
  showFacts(part("media"), opened);
  const gallery = part("pictures");
  gallery.replaceChildren();
  let number = 0;
  for (const doc of opened) {
    for (const picture of Array.isArray(doc.pictures) ? doc.pictures : []) {
      number += 1;
      doc.item = (doc.item ?? 0) + 1;
      try { name(await showPicture(gallery, picture, number), doc); } catch { troubles.add(`Picture ${number} cannot be read.`); }
    }
  }
  clearFiles(part("files"));
  let count = 0;
  for (const doc of opened) {
    for (const file of Array.isArray(doc.files) ? doc.files : []) {
      doc.item = (doc.item ?? 0) + 1;
      if (!file || typeof file !== "object") continue;
      count += 1;
      if (isPicture(file)) {
        try {
          const figure = await showPicture(gallery, file, number + 1);
          number += 1;
          offerSaving(figure, file, count);
          name(figure, doc);
          continue;
        } catch { /* this browser does not draw it: it is a file like others */ }
      }
      name(showFile(part("files"), file, count), doc);
    }
  }
  box.querySelector("[data-part=unkept]")?.toggleAttribute("hidden", number + count > 0);
  part("sizes").hidden = number === 0;
  part("warning").hidden = number + count === 0;
  part("tools").hidden = opened.length === 0;
  part("status").textContent = [...troubles].join(" ");
  part("status").classList.toggle("awaits", troubles.size > 0);
}

async function offerUnlock(box) {
  const part = (name) => box.querySelector(`[data-part=${name}]`);
  const held = await keyring.stored();
  for (const name of ["thread", "media", "pictures"]) part(name).replaceChildren();
  clearFiles(part("files"));
  part("sizes").hidden = part("warning").hidden = true;
  part("tools").hidden = true;
  part("unlock").hidden = false;
  part("no-key").hidden = Boolean(held);
  part("has-key").hidden = !held;
  box.querySelector("[data-part=file-field]").hidden = Boolean(held);
  box.querySelector("input[type=password]").focus({ preventScroll: true });
}

async function unlockFrom(box, form) {
  const status = box.querySelector("[data-part=status]");
  const button = form.querySelector("button");
  const passphrase = form.querySelector("input[type=password]");
  status.classList.remove("awaits");
  status.textContent = "Opening your key; this takes a second or two, on purpose…";
  button.disabled = true;
  try {
    const held = await keyring.stored();
    const chosen = form.querySelector("input[type=file]").files[0];
    let file = held?.file;
    if (!held) {
      if (!chosen) throw new Error("Choose your key file first.");
      const read = await keyring.read(chosen);
      if (!read.sealed) throw new Error("This key file is not protected by a passphrase; import it on the page My key.");
      file = read.text;
    }
    await keyring.unlock(file, passphrase.value);
    passphrase.value = "";
    await openAll(box);
  } catch (error) {
    status.textContent = error.message;
    status.classList.add("awaits");
    passphrase.select();
  } finally {
    button.disabled = false;
  }
}

const veilWanted = () => { try { return localStorage.getItem("tocsin.veil") !== "off"; } catch { return true; } };
let ready = false;
let asked = false;
function once() {
  if (ready) return;
  ready = true;
  document.addEventListener("submit", (event) => { if (event.target.matches?.("#words form[action$='/consult']")) asked = true; });
  keyring.onLock(() => {
    const box = document.getElementById("evidence");
    if (!box) return;
    offerUnlock(box);
    box.querySelector("[data-part=status]").textContent = "Locked. Unlock your key to see the words again.";
  });
  const veil = (on) => document.getElementById("evidence")?.classList.toggle("veiled", on && veilWanted());
  window.addEventListener("blur", () => veil(true));
  window.addEventListener("focus", () => veil(false));
  document.addEventListener("visibilitychange", () => veil(document.hidden));
  window.addEventListener("pagehide", () => keyring.lock());
  for (const kind of ["keydown", "pointerdown"]) document.addEventListener(kind, keyring.touch, { passive: true });
}

export function startEvidence() {
  once();
  const box = document.getElementById("evidence");
  if (!box || box.dataset.ready) return;
  box.dataset.ready = "1";
  const form = box.querySelector("form");
  form.addEventListener("submit", (event) => { event.preventDefault(); unlockFrom(box, form); });
  box.querySelector("[data-part=lock]").addEventListener("click", keyring.lock);
  const veil = box.querySelector("[data-part=veil]");
  veil.checked = veilWanted();
  veil.addEventListener("change", () => { try { localStorage.setItem("tocsin.veil", veil.checked ? "on" : "off"); } catch { /* kept for this page only */ } });
  startSizes(box);
  if (keyring.isUnlocked()) openAll(box);
  else offerUnlock(box);
  if (asked) document.getElementById("words").scrollIntoView({ block: "start" });
  asked = false;
}
