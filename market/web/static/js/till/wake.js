// The screen stays on while the till is in front: a dark phone does not show money.

let lock = null;

async function hold() {
  if (document.hidden || lock || !("wakeLock" in navigator)) return;
  try {
    lock = await navigator.wakeLock.request("screen");
    lock.addEventListener("release", () => { lock = null; });
  } catch {
    lock = null; // the battery saver says no; the till works all the same
  }
}

/** Keep the screen on from now, and again whenever the page comes back to the front. */
export function stayAwake() {
  document.addEventListener("visibilitychange", hold);
  document.addEventListener("pointerdown", hold, { once: true });
  hold();
}
