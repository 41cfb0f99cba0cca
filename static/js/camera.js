// Square codes seen by a camera: the browser's own reader where there is one, else jsQR.
const EVERY_MS = 180;
const SAME_MS = 4000;
const SIDE = 640;

// Shows the camera in `video` and calls `found` with each new code. Resolves to a function that switches it off.
export async function cameraInto(video, found) {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: { ideal: "environment" } }, audio: false });
  let running = true;
  const stop = () => {
    running = false;
    for (const track of stream.getTracks()) track.stop();
    video.srcObject = null;
  };
  try {
    video.srcObject = stream;
    await video.play();
    const read = await reader();
    let last = "";
    let seen = 0;
    const tick = async () => {
      if (!running) return;
      const code = video.readyState >= 2 ? await read(video) : "";
      const now = Date.now();
      // The same sheet lies before the camera for seconds; it is one scan.
      if (code && (code !== last || now - seen > SAME_MS)) found(code);
      if (code) {
        last = code;
        seen = now;
      }
      if (running) setTimeout(tick, EVERY_MS);
    };
    tick();
  } catch (trouble) {
    stop();
    throw trouble;
  }
  return stop;
}

async function reader() {
  if ("BarcodeDetector" in window) {
    const kinds = await window.BarcodeDetector.getSupportedFormats().catch(() => []);
    if (kinds.includes("qr_code")) {
      const detector = new window.BarcodeDetector({ formats: ["qr_code"] });
      return async (video) => {
        const codes = await detector.detect(video).catch(() => []);
        return codes.length ? codes[0].rawValue : "";
      };
    }
  }
  await script(new URL("../vendor/jsqr/jsQR.js", import.meta.url));
  const canvas = document.createElement("canvas");
  const brush = canvas.getContext("2d", { willReadFrequently: true });
  return async (video) => {
    const scale = Math.min(1, SIDE / Math.max(video.videoWidth, video.videoHeight, 1));
    canvas.width = Math.max(1, Math.round(video.videoWidth * scale));
    canvas.height = Math.max(1, Math.round(video.videoHeight * scale));
    brush.drawImage(video, 0, 0, canvas.width, canvas.height);
    const picture = brush.getImageData(0, 0, canvas.width, canvas.height);
    const code = window.jsQR(picture.data, picture.width, picture.height, { inversionAttempts: "dontInvert" });
    return code ? code.data : "";
  };
}

function script(address) {
  return new Promise((resolve, reject) => {
    if (window.jsQR) return resolve();
    const tag = document.createElement("script");
    tag.src = address.href;
    tag.onload = resolve;
    tag.onerror = () => reject(new Error("jsQR did not arrive"));
    document.head.append(tag);
  });
}
