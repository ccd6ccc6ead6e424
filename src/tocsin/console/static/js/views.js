// Every look at an item of evidence is written down at the hub first: what cannot be logged is not shown.

const token = () => document.querySelector("input[name=csrf]")?.value ?? "";

export async function recordView(alert, evidence, item, how) {
  const answer = await fetch(`/api/v1/alerts/${alert}/views`, {
    method: "POST",
    credentials: "same-origin",
    headers: { "Content-Type": "application/json", "X-CSRF-Token": token() },
    body: JSON.stringify({ evidence, item, how }),
  });
  if (answer.ok) return;
  let sentence = `The hub answered ${answer.status}.`;
  try { sentence = (await answer.json()).sentence ?? sentence; } catch { /* not JSON */ }
  throw new Error(sentence);
}

// For an element inside an item: true once the look is written down; otherwise the page says why not.
export async function record(element, how) {
  const box = element.closest("#evidence");
  const holder = element.closest("[data-item]");
  if (!box || !holder) return false;
  try {
    await recordView(box.dataset.alert, holder.dataset.evidence, Number(holder.dataset.item), how);
    return true;
  } catch (error) {
    const status = box.querySelector("[data-part=status]");
    status.textContent = `Not shown, because the look could not be written down. ${error.message}`;
    status.classList.add("awaits");
    return false;
  }
}
