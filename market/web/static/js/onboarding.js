// What was typed at a stall outlives a dead battery and a cut line; the test step goes on by itself.

const POLL_MS = 3_000;

function keep(form) {
  const place = `onboarding:${form.dataset.keep}`;
  const fields = [...form.elements].filter((one) => one.name && one.type !== "hidden" && one.type !== "submit");
  const kept = JSON.parse(localStorage.getItem(place) ?? "{}");
  for (const one of fields) if (!one.value && kept[one.name]) one.value = kept[one.name];
  form.addEventListener("input", () => {
    localStorage.setItem(place, JSON.stringify(Object.fromEntries(fields.map((one) => [one.name, one.value]))));
  });
}

/** The step behind us is in the database: nothing personal stays on the helper's phone. */
function forget(present) {
  const stall = location.pathname.split("/")[3];
  for (const place of Object.keys(localStorage)) {
    if (place.startsWith(`onboarding:${stall}`) && place !== `onboarding:${present}`) localStorage.removeItem(place);
  }
}

function sendWhenOnline(form) {
  const note = document.getElementById("kept");
  let pressed;
  form.addEventListener("submit", (event) => {
    if (navigator.onLine) return;
    event.preventDefault();
    pressed = event.submitter;
    note.hidden = false;
  });
  window.addEventListener("online", () => {
    if (note.hidden) return;
    note.hidden = true;
    form.requestSubmit(pressed ?? undefined);
  });
}

function follow(section) {
  const { onboarding, payment, version } = section.dataset;
  let shown;
  const look = async () => {
    try {
      const answer = await fetch(`/api/onboardings/${onboarding}`, { headers: { accept: "application/json" } });
      if (!answer.ok) return;
      const state = await answer.json();
      if (String(state.version) !== version) location.reload();
      else if (shown !== undefined && shown !== state.received_vnd) location.reload();
      shown = state.received_vnd;
    } catch {
      // The line is cut; the page's own note says so and the next turn asks again.
    }
  };
  const source = new EventSource(`/api/payments/${payment}/events`);
  source.addEventListener("state", look);
  window.addEventListener("pagehide", () => source.close());
  setInterval(look, POLL_MS);
  look();
}

const step = document.getElementById("step");
if (step?.dataset.keep) keep(step);
forget(step?.dataset.keep);
if (step) sendWhenOnline(step);
const test = document.getElementById("test");
if (test) follow(test);
