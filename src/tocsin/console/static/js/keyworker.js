// Holds the opened key. It lives and dies with this worker, and nothing here talks to the network.
import { Decrypter, Encrypter, armor, generateX25519Identity, identityToRecipient } from "../vendor/age.js";

let identity = null;

const text = (bytes) => new TextDecoder("utf-8", { fatal: true }).decode(bytes);
const sealed = (file) => (file.includes("-----BEGIN AGE ENCRYPTED FILE-----") ? armor.decode(file.trim()) : null);

function identityIn(plain) {
  const found = plain.split(/\r?\n/).map((line) => line.trim()).find((line) => /^AGE-SECRET-KEY-1[0-9A-Z]{58}$/.test(line));
  if (!found) throw new Error("This file holds no age key; such a key begins with AGE-SECRET-KEY-1.");
  return found;
}

async function close(plainIdentity, passphrase) {
  const recipient = await identityToRecipient(plainIdentity);
  const encrypter = new Encrypter();
  encrypter.setPassphrase(passphrase);
  const file = armor.encode(await encrypter.encrypt(`# public key: ${recipient}\n${plainIdentity}\n`));
  return { file, recipient };
}

const deeds = {
  async read({ bytes }) {
    const raw = new Uint8Array(bytes);
    if (raw.length > 65536) throw new Error("This file is too large to be a key file.");
    const start = new TextDecoder("latin1").decode(raw.slice(0, 21));
    if (start === "age-encryption.org/v1") return { sealed: true, text: armor.encode(raw) };
    let plain;
    try { plain = text(raw); } catch { throw new Error("This file is not a key file."); }
    if (plain.includes("-----BEGIN AGE ENCRYPTED FILE-----")) return { sealed: true, text: plain };
    identityIn(plain);
    return { sealed: false, text: plain };
  },
  async unlock({ file, passphrase }) {
    const bytes = sealed(file);
    if (!bytes) throw new Error("This key file is not protected by a passphrase; import it on the page My key.");
    const decrypter = new Decrypter();
    decrypter.addPassphrase(passphrase);
    let plain;
    try { plain = text(await decrypter.decrypt(bytes)); } catch { throw new Error("The passphrase does not open this key."); }
    identity = identityIn(plain);
    return { recipient: await identityToRecipient(identity) };
  },
  async decrypt({ bytes }) {
    const decrypter = new Decrypter();
    decrypter.addIdentity(identity);
    try { return text(await decrypter.decrypt(new Uint8Array(bytes))); } catch {
      throw new Error("Your key does not open this evidence. Either the order does not name it as a recipient, or the file was altered.");
    }
  },
  async make({ passphrase }) {
    return close(await generateX25519Identity(), passphrase);
  },
  async protect({ text: plain, passphrase }) {
    return close(identityIn(plain), passphrase);
  },
};

self.onmessage = async ({ data }) => {
  try {
    self.postMessage({ id: data.id, result: await deeds[data.do](data) });
  } catch (error) {
    self.postMessage({ id: data.id, error: error instanceof Error ? error.message : "The key could not be used." });
  }
};
