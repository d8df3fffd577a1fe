// Scans a payment code with the phone's own detector; where there is none the form below stays.
const button = document.getElementById("scan");
const view = document.getElementById("view");
const box = document.getElementById("camera");
const state = document.getElementById("camera-state");

async function look(detector) {
  const found = await detector.detect(view).catch(() => []);
  if (found.length > 0) {
    location.assign("/pay?qr=" + encodeURIComponent(found[0].rawValue));
    return;
  }
  requestAnimationFrame(() => look(detector));
}

async function scan() {
  box.hidden = false;
  button.hidden = true;
  try {
    view.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    await view.play();
    look(new BarcodeDetector({ formats: ["qr_code"] }));
  } catch {
    state.textContent = "Chưa dùng được máy ảnh. Hãy chọn ảnh hoặc dán nội dung mã.";
  }
}

if ("BarcodeDetector" in window && navigator.mediaDevices) {
  button.hidden = false;
  button.addEventListener("click", scan);
}
