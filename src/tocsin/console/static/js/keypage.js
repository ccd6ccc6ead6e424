// My key: made here, protected by a passphrase here, kept here and as a file. Only its public half goes to the hub.
import * as keyring from "./keyring.js";

const part = (name) => document.querySelector(`#key [data-part=${name}]`);

function say(text, wrong = false) {
  const status = part("status");
  status.textContent = text;
  status.hidden = !text;
  status.classList.toggle("wrong", wrong);
}

function offerFile(file) {
  const link = part("download");
  link.href = URL.createObjectURL(new Blob([file], { type: "text/plain" }));
  link.download = "tocsin-key.age";
}

async function show() {
  const held = await keyring.stored();
  part("none").hidden = Boolean(held);
  part("held").hidden = !held;
  if (!held) return;
  part("recipient").textContent = held.recipient;
  offerFile(held.file);
  const registered = document.getElementById("key").dataset.registered;
  part("differs").hidden = registered === held.recipient;
  part("same").hidden = registered !== held.recipient;
  document.querySelector("#key input[name=recipient]").value = held.recipient;
}

function checked(form) {
  const [one, two] = form.querySelectorAll("input[type=password]");
  if (one.value.length < 12) throw new Error("Make the passphrase at least 12 characters long; four or five unrelated words are good.");
  if (two && one.value !== two.value) throw new Error("The two passphrases differ; write the same one twice.");
  return one.value;
}

async function busy(form, sentence, act) {
  const button = form.querySelector("button");
  button.disabled = true;
  say(sentence);
  try { await act(); form.reset(); } catch (error) { say(error.message, true); } finally { button.disabled = false; }
}

async function keep({ file, recipient }, sentence) {
  await keyring.store(file, recipient);
  await show();
  say(sentence);
}

async function take(form) {
  const chosen = form.querySelector("input[type=file]").files[0];
  if (!chosen) throw new Error("Choose your key file first.");
  const passphrase = form.querySelector("input[type=password]").value;
  const read = await keyring.read(chosen);
  if (read.sealed) {
    const recipient = await keyring.unlock(read.text, passphrase);
    await keep({ file: read.text, recipient }, "Your key is in this browser now, and unlocked in this tab.");
    return;
  }
  checked(form);
  await keep(await keyring.protect(read.text, passphrase), "Your key is in this browser now, protected by the passphrase. The file you chose is not protected: delete it once you have downloaded the new one.");
}

export function startKeyPage() {
  const page = document.getElementById("key");
  if (!page || page.dataset.ready) return;
  page.dataset.ready = "1";
  part("make").addEventListener("submit", (event) => {
    event.preventDefault();
    const form = event.target;
    busy(form, "Making your key and closing it with the passphrase; this takes a few seconds…", async () => {
      const made = await keyring.make(checked(form));
      await keep(made, "Your key is made and kept in this browser. Download it now, too: without the file and the passphrase nobody can open your evidence after this browser is gone.");
      page.querySelector("[data-part=download]").focus();
    });
  });
  part("import").addEventListener("submit", (event) => {
    event.preventDefault();
    busy(event.target, "Opening the key file…", () => take(event.target));
  });
  part("forget").addEventListener("click", async () => {
    if (!window.confirm("Remove your key from this browser? The downloaded file and its passphrase still work.")) return;
    await keyring.forget();
    keyring.lock();
    await show();
    say("Your key is no longer in this browser.");
  });
  show();
}
