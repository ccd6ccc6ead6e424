// Shows the virtual desktop, one picture a second while somebody looks.
"use strict";
const screenPicture = document.getElementById("screen");
function again() {
  if (document.hidden) return setTimeout(again, 1000);
  const next = new Image();
  next.onload = () => { screenPicture.src = next.src; setTimeout(again, 1000); };
  next.onerror = () => setTimeout(again, 2000);
  next.src = "screen.png?" + Date.now();
}
again();
fetch("console.txt").then((answer) => answer.text()).then((address) => { document.getElementById("console").href = address; });
