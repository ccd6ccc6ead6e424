// Pages before sign-in need only the small helpers of the frame.
import { startTimes } from "./times.js";
import { startShell } from "./shell.js";

document.documentElement.classList.replace("no-js", "js");
startTimes(document);
startShell(document);
