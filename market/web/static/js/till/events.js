// The line to the market: every event once and in order, and never a doubt whether it is alive.

const BEAT_MS = 10_000;
const LOST_MS = 2.2 * BEAT_MS;
const AGAIN_MS = 2_000;
const REFUSED_MS = 15_000;

/** Events: "money" and "sale" with the data, "line" with "wait", "live" or "lost", "beat". */
export class Line extends EventTarget {
  constructor(stallId, lastEventId) {
    super();
    this.path = `/api/stalls/${stallId}/events`;
    this.key = `till-last-event-${stallId}`;
    this.last = Number(localStorage.getItem(this.key) ?? lastEventId ?? 0);
    this.state = "wait";
    addEventListener("offline", () => this.#lose());
    addEventListener("online", () => this.connect());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && this.state !== "live") this.connect();
    });
  }

  connect() {
    this.source?.close();
    clearTimeout(this.again);
    this.source = new EventSource(`${this.path}?after=${this.last}`);
    this.source.addEventListener("beat", () => this.#alive());
    for (const kind of ["money", "sale", "invoices_due", "tax_asks", "webhook_parked", "reload"]) {
      this.source.addEventListener(kind, (event) => this.#take(kind, event));
    }
    this.source.onerror = () => {
      this.#lose();
      const wait = this.source.readyState === EventSource.CLOSED ? REFUSED_MS : AGAIN_MS;
      this.source.close();
      clearTimeout(this.again);
      this.again = setTimeout(() => this.connect(), wait);
    };
    this.#watch();
  }

  #take(kind, event) {
    this.#alive();
    const id = Number(event.lastEventId);
    if (id && id <= this.last) return;
    if (id) {
      this.last = id;
      localStorage.setItem(this.key, String(id));
    }
    this.dispatchEvent(new CustomEvent(kind, { detail: JSON.parse(event.data || "{}") }));
  }

  #alive() {
    this.#turn("live");
    this.dispatchEvent(new Event("beat"));
    this.#watch();
  }

  #lose() {
    this.#turn("lost");
  }

  #watch() {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => {
      this.#lose();
      this.connect();
    }, LOST_MS);
  }

  #turn(state) {
    if (state === this.state) return;
    this.state = state;
    this.dispatchEvent(new CustomEvent("line", { detail: state }));
  }
}
