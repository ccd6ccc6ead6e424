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
        say(by, text);
      }
      await wait(6000);
    }
    await wait(20000);
  }
}

function follow() {
  const events = new EventSource("events");
  events.onmessage = (message) => {
    const { id, by, text, clear, dark, peer } = JSON.parse(message.data);
    if (clear) talk.replaceChildren();
    if (dark !== undefined) document.body.classList.toggle("dark", dark);
    if (peer) meet(peer);
    if (text !== undefined) say(by, text);
    requestAnimationFrame(() => requestAnimationFrame(() => {
      const at = performance.timeOrigin + performance.now();
      fetch("painted", { method: "POST", body: JSON.stringify({ id, at }) });
    }));
  };
}

location.search.includes("live") ? follow() : play();
