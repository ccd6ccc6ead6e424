// The frame: menu on a phone, help, copy buttons, choices that reveal a field, and the current page in the menu.
function currentPage() {
  const path = location.pathname;
  for (const link of document.querySelectorAll(".nav a")) {
    const here = path === link.pathname || path.startsWith(`${link.pathname}/`);
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.getElementById("nav")?.classList.remove("open");
  document.getElementById("menu")?.setAttribute("aria-expanded", "false");
}

// A row in which something is typed goes at the second press only: nothing typed is lost by a slip.
function dropRow(button) {
  const row = button.closest("[data-row]");
  const typed = [...row.querySelectorAll("input:not([type=hidden]), textarea, select")].some((field) => field.value.trim());
  if (typed && !button.dataset.sure) {
    button.dataset.sure = "yes";
    button.textContent = "Remove it with what is typed?";
    return;
  }
  const add = row.closest("section").querySelector("[name=add]");
  row.remove();
  add?.focus();
}

let ready = false;
function once() {
  if (ready) return;
  ready = true;
  // Of details that bear one name one alone is open: those on their way out must not shut one that comes in open.
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    if (!detail.shouldSwap) return;
    for (const each of detail.target?.querySelectorAll?.("details[name][open]") ?? []) each.removeAttribute("name");
  });
  document.addEventListener("click", async (event) => {
    const target = event.target.closest?.("[data-do]");
    if (!target) return;
    const deed = target.dataset.do;
    if (deed === "menu") {
      const open = document.getElementById("nav").classList.toggle("open");
      target.setAttribute("aria-expanded", String(open));
    } else if (deed === "help") {
      document.getElementById("help").showModal();
    } else if (deed === "close-help") {
      document.getElementById("help").close();
    } else if (deed === "copy") {
      const text = document.getElementById(target.dataset.from).textContent;
      try { await navigator.clipboard.writeText(text.trim()); target.textContent = "Copied"; } catch { target.textContent = "Select the text and copy it"; }
    } else if (deed === "save-text") {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([document.getElementById(target.dataset.from).textContent], { type: "text/plain" }));
      link.download = target.dataset.name;
      link.click();
      URL.revokeObjectURL(link.href);
    } else if (deed === "drop-row") {
      event.preventDefault();
      dropRow(target);
    } else if (deed === "print") {
      window.print();
    }
  });
  document.addEventListener("change", async (event) => {
    const field = event.target;
    if (field.matches?.("input[type=file][data-into]") && field.files[0]) {
      document.getElementById(field.dataset.into).value = await field.files[0].text();
    }
  });
}

export function startShell(root) {
  once();
  currentPage();
  if (root instanceof Element && root.id === "main") root.focus({ preventScroll: true });
}
