// One event stream for as long as the tab is open: alerts, devices and counts arrive as they happen.
import { placeQueued, placeRow, refreshBoard } from "./board.js";
import { localise } from "./times.js";
import { ring } from "./sound.js";

const SILENCE_MS = 40_000; // the hub speaks at least every 15 s

let heard = Date.now();
let wasLost = false;

function state(value, word) {
  const element = document.getElementById("live");
  if (!element || element.dataset.state === value) return;
  element.dataset.state = value;
  element.querySelector(".word").textContent = word;
  element.querySelector(".dot").className = `dot ${value === "live" ? "ok" : "silent"}`;
}

export function showCounts(counts) {
  for (const [name, value] of Object.entries(counts)) {
    for (const element of document.querySelectorAll(`[data-count="${name}"]`)) {
      element.textContent = value;
      element.dataset.n = value;
    }
  }
  if ("await" in counts) {
    document.documentElement.dataset.waiting = counts.await;
    showTitle();
  }
}

export function showTitle() {
  const waiting = Number(document.documentElement.dataset.waiting ?? 0);
  const bare = document.title.replace(/^\(\d+\) /, "");
  const title = waiting > 0 ? `(${waiting}) ${bare}` : bare;
  if (document.title !== title) document.title = title;
}

function announce(text) {
  const element = document.getElementById("announce");
  if (element) element.textContent = text;
}

// A list that was on its way from the hub when an alert came may be without it: it is put there once the list is.
const LISTS = ["main", "alerts", "queue"];
const KEPT = 64;
const recent = [];
let came = 0;

function place(alert) {
  placeRow(alert);
  placeQueued(alert);
}

function catchUp({ xhr, target }) {
  if (xhr?.came === undefined || !LISTS.includes(target?.id)) return;
  const missed = came - xhr.came;
  xhr.came = came;
  if (missed > recent.length) refreshBoard();
  else for (const alert of recent.slice(recent.length - missed)) place(alert);
}

function onAlert(event) {
  const alert = JSON.parse(event.data);
  came += 1;
  recent.push(alert);
  if (recent.length > KEPT) recent.shift();
  place(alert);
  if (alert.counts) showCounts(alert.counts);
  if (alert.rings) {
    announce(`New alert, severity ${alert.severity}: ${alert.title}`);
    ring(alert.severity);
  }
}

function onDevice(event) {
  const device = JSON.parse(event.data);
  for (const old of document.querySelectorAll("[data-device]")) {
    if (old.dataset.device !== device.id) continue;
    const holder = document.createElement("template");
    holder.innerHTML = device.html; // the hub's own escaped row, never words from a screen
    const fresh = holder.content.firstElementChild;
    if (fresh) { old.replaceWith(fresh); localise(fresh); }
  }
}

function onTick(event) {
  const tick = JSON.parse(event.data);
  showCounts(tick.counts);
  const last = document.querySelector("#live .last");
  if (!last) return;
  last.hidden = !tick.last_evidence;
  const time = last.querySelector("time");
  if (time && tick.last_evidence) time.dateTime = tick.last_evidence;
}

export function startLive() {
  const address = document.body.dataset.live;
  if (!address) return;
  const source = new EventSource(address);
  const listen = (kind, act) => source.addEventListener(kind, (event) => { heard = Date.now(); act(event); });
  source.addEventListener("open", () => {
    heard = Date.now();
    state("live", "live");
    if (wasLost) refreshBoard();
    wasLost = false;
  });
  source.addEventListener("error", () => {
    wasLost = true;
    state("lost", source.readyState === EventSource.CLOSED ? "not live: load the page again" : "not live: connecting again");
  });
  listen("alert", onAlert);
  listen("device", onDevice);
  listen("tick", onTick);
  listen("resync", refreshBoard);
  listen("ended", () => { source.close(); state("lost", "signed out"); });
  setInterval(() => {
    if (Date.now() - heard > SILENCE_MS) { wasLost = true; state("lost", "not live: the hub is silent"); }
  }, 5000);
  document.addEventListener("htmx:afterSettle", showTitle);
  document.addEventListener("htmx:beforeSend", (event) => { event.detail.xhr.came = came; });
  document.addEventListener("htmx:afterSettle", (event) => catchUp(event.detail));
  showTitle();
}
