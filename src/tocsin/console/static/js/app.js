// The console's scripts, in the order they start. Pages work without them; they add what only a browser can do.
import { startTimes } from "./times.js";
import { startLive } from "./live.js";
import { startKeys } from "./keys.js";
import { startBoard } from "./board.js";
import { startContents } from "./contents.js";
import { startEvidence } from "./evidence.js";
import { startKeyPage } from "./keypage.js";
import { startShell } from "./shell.js";

document.documentElement.classList.replace("no-js", "js");

// Every part is called once for the page, and again for each piece of it that htmx swaps in.
const parts = [startTimes, startShell, startBoard, startEvidence, startContents, startKeyPage];
const begin = (root) => { for (const part of parts) part(root); };

begin(document);
startKeys();
startLive();
document.addEventListener("htmx:afterSettle", (event) => begin(event.detail.elt ?? document));
document.addEventListener("htmx:historyRestore", () => begin(document));
