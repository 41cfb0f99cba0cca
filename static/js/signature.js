// A hand-written name becomes a PNG data URL in a hidden field; clearing empties the field again.
import { fresh } from "./fresh.js";

export async function startSignatures() {
  await loadPad();
  for (const box of document.querySelectorAll("[data-signature]")) if (fresh(box)) start(box);
}

// The library is a classic script; it is fetched only on pages that have a pad.
function loadPad() {
  if (window.SignaturePad) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = new URL("../vendor/signature_pad/signature_pad.umd.min.js", import.meta.url).href;
    script.onload = resolve;
    script.onerror = () => reject(new Error("signature_pad did not load"));
    document.head.append(script);
  });
}

function start(box) {
  const canvas = box.querySelector("canvas");
  const field = box.querySelector("input[type=hidden]");
  const pad = new window.SignaturePad(canvas, { penColor: "#1F2328", minWidth: 1, maxWidth: 3 });

  const fit = () => {
    const ratio = Math.max(window.devicePixelRatio || 1, 1);
    const strokes = pad.toData();
    const width = canvas.offsetWidth * ratio;
    if (!width || canvas.width === Math.round(width)) return;
    canvas.width = width;
    canvas.height = canvas.offsetHeight * ratio;
    canvas.getContext("2d").scale(ratio, ratio);
    pad.clear();
    if (strokes.length) pad.fromData(strokes);
    else if (field.value) show();
  };
  const show = () => {
    pad.fromDataURL(field.value, { width: canvas.offsetWidth, height: canvas.offsetHeight });
    box.classList.add("is-signed");
  };
  const keep = () => {
    field.value = pad.toDataURL("image/png");
    box.classList.add("is-signed");
    field.dispatchEvent(new Event("change", { bubbles: true }));
  };

  pad.addEventListener("endStroke", keep);
  box.querySelector("[data-signature-clear]").addEventListener("click", () => {
    pad.clear();
    field.value = "";
    box.classList.remove("is-signed");
    field.dispatchEvent(new Event("change", { bubbles: true }));
  });
  field.addEventListener("daiban:filled", show);
  // Turning the phone changes the width; the strokes are drawn again instead of stretched.
  new ResizeObserver(fit).observe(canvas);
  fit();
}
