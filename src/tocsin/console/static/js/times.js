// Times stand in UTC in the page; here they are shown in the reader's own zone, with UTC in the title.
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
const minute = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hour12: false });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
const shortDay = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

export function ago(at, now = Date.now()) {
  const s = Math.max(0, Math.round((now - at) / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h`;
  if (s < 7 * 86400) return `${Math.floor(s / 86400)} d`;
  return shortDay.format(at);
}

function near(at) {
  return at.toDateString() === new Date().toDateString();
}

function show(element) {
  const at = new Date(element.dateTime);
  if (Number.isNaN(at.getTime())) return;
  const how = element.dataset.as ?? "full";
  const text = {
    ago: () => ago(at),
    clock: () => clock.format(at),
    minute: () => minute.format(at),
    day: () => day.format(at),
    moment: () => (near(at) ? clock.format(at) : `${shortDay.format(at)}, ${minute.format(at)}`),
    full: () => `${day.format(at)}, ${clock.format(at)}`,
  }[how]();
  if (element.textContent !== text) element.textContent = text;
  element.title = `${element.dateTime.replace("T", " ").replace("Z", "")} UTC`;
}

export function localise(root) {
  for (const element of root.querySelectorAll("time[datetime]")) show(element);
}

let ticking = false;
export function startTimes(root) {
  localise(root);
  if (ticking) return;
  ticking = true;
  setInterval(() => {
    for (const element of document.querySelectorAll("time[data-as=ago]")) show(element);
  }, 1000);
}

export function timeElement(iso, how) {
  const element = document.createElement("time");
  element.dateTime = iso;
  element.dataset.as = how;
  show(element);
  return element;
}
