// What every page can do: say it is offline, copy, share, show a short notice, poll quietly.

/** A short notice at the bottom; it never carries anything that must not be missed. */
export function toast(text) {
  const box = document.createElement("p");
  box.className = "toast";
  box.textContent = text;
  document.getElementById("toasts")?.append(box);
  setTimeout(() => box.remove(), 3500);
}

/** The token a request that changes something must carry; the cookie is newer than the page. */
export function csrf() {
  const cookie = document.cookie.split("; ").find((part) => part.startsWith("cho_csrf="));
  if (cookie) return decodeURIComponent(cookie.slice("cho_csrf=".length));
  return document.querySelector('meta[name="csrf"]')?.content ?? "";
}

function showLine() {
  const note = document.getElementById("offline");
  if (note) note.hidden = navigator.onLine;
}

async function copy(button) {
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch {
    const field = document.createElement("textarea");
    field.value = button.dataset.copy;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
  toast(button.dataset.copied ?? "✓");
}

async function share(button) {
  const given = { title: document.title, url: button.dataset.share || location.href };
  if (navigator.share) await navigator.share(given).catch(() => {});
  else {
    button.dataset.copy = given.url;
    await copy(button);
  }
}

/** Elements with data-refresh="seconds" are fetched again from this page's own address. Once another
    page stands there, nothing more is fetched; with data-reload that page is shown. */
function refresh(element) {
  const seconds = Number(element.dataset.refresh);
  const timer = setInterval(async () => {
    if (document.hidden || !navigator.onLine) return;
    try {
      const answer = await fetch(element.dataset.from || location.href, {
        headers: { accept: "text/html" }, credentials: "same-origin",
      });
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById(element.id);
      if (!fresh) {
        clearInterval(timer);
        if ("reload" in element.dataset) location.reload();
      } else if (fresh.innerHTML !== element.innerHTML) element.replaceChildren(...fresh.childNodes);
    } catch {
      // The line is cut; the next turn tries again and the page says so itself.
    }
  }, seconds * 1000);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy], [data-share], [data-print], [data-close]");
  if (!button) return;
  if ("copy" in button.dataset) copy(button);
  else if ("share" in button.dataset) share(button);
  else if ("print" in button.dataset) print();
  else button.closest("dialog")?.close();
});
document.addEventListener("submit", (event) => {
  if (event.target.action?.endsWith("/dang-xuat")) caches?.delete("pages"); // the next person's phone
});
window.addEventListener("online", showLine);
window.addEventListener("offline", showLine);
showLine();
document.querySelectorAll("[data-refresh]").forEach(refresh);
