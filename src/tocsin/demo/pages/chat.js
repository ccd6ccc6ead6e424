// Plays a scripted chat. With ?live it instead shows what /events sends and reports when each line was painted.
"use strict";
const talk = document.getElementById("talk");
const wait = (ms) => new Promise((go) => setTimeout(go, ms));

function say(by, text) {
  const line = document.createElement("p");
  line.className = by;
  line.textContent = text;
  talk.append(line);
  talk.scrollTop = talk.scrollHeight;
}

// A picture in a bubble, with who drew it and a button that saves it as a browser's download would.
async function show(by, name) {
  const line = document.createElement("figure");
  line.className = by;
  const picture = document.createElement("img");
  picture.alt = "A painted lighthouse by the sea";
  picture.src = name;
  await picture.decode().catch(() => {});
  const words = document.createElement("figcaption");
  words.textContent = "Harmless: drawn by this demonstration. ";
  const save = document.createElement("button");
  save.textContent = "Save";
  save.addEventListener("click", async () => {
    save.disabled = true;
    const answer = await fetch("save", { method: "POST", body: JSON.stringify({ name }) });
    save.textContent = answer.ok ? "Saved to Downloads" : "Not saved";
  });
  words.append(save);
  line.append(picture, words);
  talk.append(line);
  talk.scrollTop = talk.scrollHeight;
}

function saveLast() {
  [...talk.querySelectorAll("button")].at(-1)?.click();
}

function meet(peer) {
  document.getElementById("peer").textContent = peer;
  document.querySelector(".face").textContent = peer[0].toUpperCase();
  document.title = "Chat with " + peer;
}

async function play() {
  const conversations = await (await fetch("script.json")).json();
  for (;;) {
    for (const { peer, lines } of conversations) {
      meet(peer);
      talk.replaceChildren();
      say("day", "Today");
      for (const [pause, by, text] of lines) {
        await wait(pause * 1000);
        if (by === "save") saveLast();
        else if (text.endsWith(".jpg")) await show(by, text);
        else say(by, text);
      }
      await wait(6000);
    }
    await wait(20000);
  }
}

function follow() {
  const events = new EventSource("events");
  events.onmessage = async (message) => {
    const { id, by, text, picture, save, clear, dark, peer } = JSON.parse(message.data);
    if (clear) talk.replaceChildren();
    if (dark !== undefined) document.body.classList.toggle("dark", dark);
    if (peer) meet(peer);
    if (text !== undefined) say(by, text);
    if (picture) await show(by, picture);
    if (save) saveLast();
    requestAnimationFrame(() => requestAnimationFrame(() => {
      const at = performance.timeOrigin + performance.now();
      fetch("painted", { method: "POST", body: JSON.stringify({ id, at }) });
    }));
  };
}

location.search.includes("live") ? follow() : play();
