// Photos are drawn afresh on the phone: smaller, and without place, time or anything else the camera wrote into them.
const LONGEST = 1600;
const QUALITY = 0.82;
export const MOST = 20;

export async function hashOf(bytes) {
  const found = await crypto.subtle.digest("SHA-256", bytes);
  return Array.from(new Uint8Array(found), (one) => one.toString(16).padStart(2, "0")).join("");
}

// {name, sha256, size, bytes} of a picture; throws for what this phone cannot open as one.
export async function shrunk(file) {
  const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
  const scale = Math.min(1, LONGEST / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(picture.width * scale));
  canvas.height = Math.max(1, Math.round(picture.height * scale));
  const brush = canvas.getContext("2d");
  brush.fillStyle = "#fff";
  brush.fillRect(0, 0, canvas.width, canvas.height);
  brush.drawImage(picture, 0, 0, canvas.width, canvas.height);
  picture.close();
  return packed(await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY)));
}

// A data: address cannot be fetched under the page's policy, so it is taken apart by hand.
export async function fromSignature(url) {
  const text = atob(url.slice(url.indexOf(",") + 1));
  const bytes = Uint8Array.from(text, (one) => one.charCodeAt(0));
  return { bytes, size: bytes.length, sha256: await hashOf(bytes) };
}

async function packed(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  return { bytes, size: bytes.length, sha256: await hashOf(bytes) };
}
