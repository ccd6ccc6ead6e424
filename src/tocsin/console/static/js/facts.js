// What the service said of what was found, as the sealed evidence holds it: its own names, as text in a table.

const NAMES = [["account", "Account"], ["item", "Item"], ["participant", "Participant"], ["to", "Said to"], ["thread", "Conversation"], ["stream", "Stream"], ["url", "Fetched from"], ["caller", "Asked by"]];
const MOST = 40;

const words = (value, most = 500) => (typeof value === "string" || typeof value === "number" ? String(value).slice(0, most) : "");
const list = (value) => (Array.isArray(value) ? value.slice(0, MOST) : []);

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

// The rows of one document: [what, value].
export function rowsOf(facts) {
  const rows = [];
  for (const [key, name] of NAMES) {
    const value = Array.isArray(facts[key]) ? list(facts[key]).map((one) => words(one)).filter(Boolean).join(", ") : words(facts[key]);
    if (value) rows.push([name, value]);
  }
  for (const one of list(facts.indicators)) if (one?.state === "fired") rows.push([`Indicator ${words(one.id, 10)}`, words(one.because)]);
  for (const one of list(facts.payments)) {
    const means = one?.means && one.means !== "unknown" ? `, ${words(one.means, 40)}` : "";
    const memo = words(one?.memo) ? `, “${words(one.memo)}”` : "";
    rows.push([words(one?.at, 40).replace("T", " ").slice(0, 16), `${words(one?.amount, 40)} ${words(one?.currency, 10)} to ${words(one?.to, 200)}${means}${memo}`]);
  }
  return rows;
}

export function showFacts(into, documents) {
  const told = new Set();
  for (const doc of documents) {
    const facts = doc?.facts;
    if (!facts || typeof facts !== "object") continue;
    const rows = rowsOf(facts);
    const key = JSON.stringify(rows);
    if (!rows.length || told.has(key)) continue;
    told.add(key);
    const table = element("table", "found");
    const body = element("tbody");
    for (const [name, value] of rows) {
      const row = element("tr");
      const head = element("th", "", name);
      head.scope = "row";
      const cell = element("td");
      cell.append(element("span", "words", value));
      row.append(head, cell);
      body.append(row);
    }
    table.append(element("caption", "", "What the service said"), body);
    into.append(table);
  }
}
