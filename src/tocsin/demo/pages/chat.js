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

async function play() {
  const script = await (await fetch("script.json")).json();
  for (;;) {
    talk.replaceChildren();
    say("day", "Today");
    for (const [pause, by, text] of script) {
      await wait(pause * 1000);
      say(by, text);
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
    if (peer) {
      document.getElementById("peer").textContent = peer;
      document.title = "Chat with " + peer;
    }
    if (text !== undefined) say(by, text);
    requestAnimationFrame(() => requestAnimationFrame(() => {
      const at = performance.timeOrigin + performance.now();
      fetch("painted", { method: "POST", body: JSON.stringify({ id, at }) });
    }));
  };
}

location.search.includes("live") ? follow() : play();
