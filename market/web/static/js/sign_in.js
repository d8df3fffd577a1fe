// A pad large enough for wet thumbs fills the field that was touched last; no keyboard comes up.
// Reading "#phone-code" from a scanned code: what stands behind # never reaches the server's log.

const PHONE_DIGITS = 10;

function usePad(form) {
  const pad = form.querySelector(".pad");
  const fields = [form.elements.phone, form.elements.pin];
  let field = fields[0].value ? fields[1] : fields[0];
  form.classList.add("has-pad");
  pad.hidden = false;
  for (const one of fields) {
    one.inputMode = "none";
    one.addEventListener("focus", () => (field = one));
  }
  pad.addEventListener("click", (event) => {
    const key = event.target.closest("[data-key]")?.dataset.key;
    if (!key) return;
    if (key === "back") {
      if (!field.value && field === fields[1]) field = fields[0];
      field.value = field.value.slice(0, -1);
    } else if (field.value.length < field.maxLength) field.value += key;
    if (field === fields[0] && key !== "back" && /^0\d{9}$/.test(field.value) && field.value.length === PHONE_DIGITS) field = fields[1];
    field.focus({ preventScroll: true });
  });
}

function useScanned(form) {
  const [, phone, code] = /^#(0\d{9})-(\d{6})$/.exec(location.hash) ?? [];
  if (!phone) return;
  form.elements.phone.value = phone;
  form.elements.code.value = code;
  history.replaceState(null, "", location.pathname);
  form.elements.pin.focus();
}

const signIn = document.getElementById("sign-in");
if (signIn) usePad(signIn);
const first = document.getElementById("first");
if (first) useScanned(first);
