// Two short tones for a new alert, off until the reader turns them on.
let context = null;

export function soundIsOn() {
  try { return localStorage.getItem("tocsin.sound") === "on"; } catch { return false; }
}

export function setSound(on) {
  try { localStorage.setItem("tocsin.sound", on ? "on" : "off"); } catch { /* a private window keeps nothing */ }
  if (on) ring(3);
}

export function ring(severity) {
  if (!soundIsOn()) return;
  context ??= new AudioContext();
  context.resume();
  const start = context.currentTime + 0.01;
  const tones = severity >= 4 ? [784, 988] : [587];
  tones.forEach((pitch, i) => {
    const tone = context.createOscillator();
    const level = context.createGain();
    const at = start + i * 0.18;
    tone.frequency.value = pitch;
    level.gain.setValueAtTime(0, at);
    level.gain.linearRampToValueAtTime(0.12, at + 0.015);
    level.gain.exponentialRampToValueAtTime(0.0001, at + 0.34);
    tone.connect(level).connect(context.destination);
    tone.start(at);
    tone.stop(at + 0.36);
  });
}
