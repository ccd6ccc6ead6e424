// The reader's key in this browser: the protected key file in IndexedDB, the opened key inside a worker's memory only.
const LOCK_MS = 15 * 60 * 1000;
const worker = () => new Worker(new URL("./keyworker.js", import.meta.url), { type: "module" });

let open = null; // { worker, recipient }
let timer = 0;
let waiting = new Map();
let count = 0;
const listeners = new Set();

export const onLock = (act) => listeners.add(act);
export const isUnlocked = () => open !== null;

function ask(to, message) {
  count += 1;
  const id = count;
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject, to });
    to.postMessage({ id, ...message });
  });
}

function start() {
  const made = worker();
  made.onmessage = ({ data }) => {
    const asked = waiting.get(data.id);
    waiting.delete(data.id);
    if (!asked) return;
    if (data.error) asked.reject(new Error(data.error));
    else asked.resolve(data.result);
  };
  made.onerror = () => {
    for (const [id, asked] of waiting) if (asked.to === made) { waiting.delete(id); asked.reject(new Error("The key could not be used in this browser.")); }
  };
  return made;
}

export function lock() {
  clearTimeout(timer);
  if (!open) return;
  open.worker.terminate();
  open = null;
  for (const act of listeners) act();
}

export function touch() {
  if (!open) return;
  clearTimeout(timer);
  timer = setTimeout(lock, LOCK_MS);
}

export async function unlock(file, passphrase) {
  const made = start();
  try {
    const { recipient } = await ask(made, { do: "unlock", file, passphrase });
    lock();
    open = { worker: made, recipient };
    touch();
    return recipient;
  } catch (error) {
    made.terminate();
    throw error;
  }
}

export async function decrypt(bytes) {
  if (!open) throw new Error("Unlock your key first.");
  touch();
  return ask(open.worker, { do: "decrypt", bytes });
}

async function askOnce(message) {
  const made = start();
  try { return await ask(made, message); } finally { made.terminate(); }
}

export const make = (passphrase) => askOnce({ do: "make", passphrase });
export const protect = (text, passphrase) => askOnce({ do: "protect", text, passphrase });
export const read = async (file) => askOnce({ do: "read", bytes: await file.arrayBuffer() });

// IndexedDB: one record for each person who uses this browser.
function base() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("tocsin", 1);
    request.onupgradeneeded = () => request.result.createObjectStore("keys");
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(new Error("This browser keeps no data for this page (a private window?). Import the key file each time."));
  });
}

async function keys(mode, act) {
  const db = await base();
  try {
    return await new Promise((resolve, reject) => {
      const request = act(db.transaction("keys", mode).objectStore("keys"));
      request.onsuccess = () => resolve(request.result ?? null);
      request.onerror = () => reject(request.error);
    });
  } finally { db.close(); }
}

const person = () => document.body.dataset.person ?? "";
export const stored = () => keys("readonly", (s) => s.get(person())).catch(() => null);
export const store = (file, recipient) => keys("readwrite", (s) => s.put({ file, recipient, at: new Date().toISOString() }, person()));
export const forget = () => keys("readwrite", (s) => s.delete(person()));
