// Where known media was found, as the sealed evidence says: place, file, digests and hashes, as text in a table.

const DIGESTS = [["sha256", "SHA-256"], ["sha1", "SHA-1"], ["md5", "MD5"]];
const HEX = /^[0-9a-f]{2,128}$/;
const ROADS = { sha256: "SHA-256", sha1: "SHA-1", md5: "MD5", pdq: "PDQ", photodna: "PhotoDNA", video: "its frames", window: "part of a picture" };
const MADE = { full: "from the whole picture", scaled: "from the decoder's smaller picture", screen: "from the screen" };
const PLACES = { file: "among the files", upload: "in an upload", stream: "in a live stream" };
const KINDS = { picture: "picture", video: "video" };

const words = (value, most = 1000) => (typeof value === "string" ? value.slice(0, most) : "");
const list = (value) => (Array.isArray(value) ? value : []);
const whole = (value) => (Number.isInteger(value) && value >= 0 ? value : null);

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function size(bytes) {
  let value = bytes;
  for (const unit of ["bytes", "KiB", "MiB"]) {
    if (value < 1024) return `${Math.round(value * 10) / 10} ${unit}`;
    value /= 1024;
  }
  return `${Math.round(value * 10) / 10} GiB`;
}

function place(media) {
  const kind = KINDS[media.media] ?? "file";
  if (media.place === "screen") {
    const box = list(media.box).map(whole);
    const where = box.length === 4 && !box.includes(null) ? `, ${box[2]} × ${box[3]} pixels at ${box[0]}, ${box[1]}` : "";
    return `A ${kind} on the screen${where}`;
  }
  return `A ${kind} ${PLACES[media.place] ?? PLACES.file}`;
}

// The rows of one piece of evidence: [what, value, whether the value is code].
export function facts(media) {
  const rows = [["Place", place(media), false]];
  if (words(media.name)) rows.push(["File", words(media.name, 4096), true]);
  if (words(media.held)) rows.push(["Inside it", words(media.held, 4096), true]);
  if (whole(media.size)) rows.push(["Size", size(media.size), false]);
  for (const match of list(media.matches).slice(0, 20)) {
    const by = ROADS[match?.by] ?? words(match?.by, 40);
    const far = match?.by === "pdq" ? ` at distance ${whole(match.distance) ?? "?"} of 256` : "";
    rows.push(["On list", `${words(match?.list, 200)}, entry ${words(match?.entry, 200)}, by ${by}${far}`, false]);
  }
  for (const [key, name] of DIGESTS) if (HEX.test(media.digests?.[key] ?? "")) rows.push([name, media.digests[key], true]);
  for (const print of list(media.prints).slice(0, 2)) {
    if (!HEX.test(print?.pdq ?? "")) continue;
    rows.push(["PDQ", print.pdq, true]);
    const made = [`quality ${whole(print.quality) ?? "?"} of 100`, MADE[print.path], print.stripped === true && "without its border", print.turn > 0 && "turned or mirrored"];
    rows.push(["", made.filter(Boolean).join(", "), false]);
  }
  if (list(media.frames).length) rows.push(["Frames", `${media.frames.length} of the video were compared`, false]);
  return rows;
}

// Several findings of one alert speak of the same file or place: it is shown once, with every list that named it.
export function gather(documents) {
  const found = new Map();
  for (const doc of documents) {
    const media = doc?.media;
    if (!media || typeof media !== "object") continue;
    const key = JSON.stringify([media.place, media.name, media.held, media.digests, media.place === "screen" ? list(media.prints)[0]?.pdq : ""]);
    const known = found.get(key);
    if (!known) { found.set(key, { ...media, matches: [...list(media.matches)], content: doc.content }); continue; }
    const told = new Set(known.matches.map((match) => `${match?.list} ${match?.entry}`));
    known.matches.push(...list(media.matches).filter((match) => !told.has(`${match?.list} ${match?.entry}`)));
  }
  return [...found.values()];
}

export function showMedia(into, documents) {
  into.replaceChildren();
  gather(documents).forEach((media, number) => {
    const table = element("table", "found");
    const caption = element("caption", "", media.content ? `Found, content ${media.content}` : number ? `Found, ${number + 1}` : "Found");
    const body = element("tbody");
    for (const [name, value, code] of facts(media)) {
      const row = element("tr");
      const head = element("th", "", name);
      head.scope = "row";
      const cell = element("td");
      cell.append(code ? element("code", "words", value) : element("span", "words", value));
      row.append(name ? head : element("td"), cell);
      body.append(row);
    }
    table.append(caption, body);
    into.append(table);
  });
}
