// Pictures from the camera are shrunk on the phone before they travel; the same file field carries them.
import { fresh } from "./fresh.js";

const LONGEST = 1600;
const QUALITY = 0.85;

export function startPhotos() {
  for (const box of document.querySelectorAll("[data-photos]")) if (fresh(box)) start(box);
}

function start(box) {
  const input = box.querySelector("input[type=file]");
  const list = box.querySelector("[data-photos-list]");
  const blank = box.querySelector("template");
  const status = box.querySelector("[data-photos-status]");
  let files = [];

  const put = () => {
    const carrier = new DataTransfer();
    for (const file of files) carrier.items.add(file);
    input.files = carrier.files;
    if (status) status.textContent = files.length ? status.dataset.count.replace("{n}", files.length) : "";
  };

  const take = async () => {
    const fresh = [...input.files].filter((file) => !files.includes(file));
    if (!input.multiple) {
      files = [];
      list.replaceChildren();
    }
    for (const file of fresh) await add(file);
    put();
    box.dispatchEvent(new CustomEvent("daiban:photos", { bubbles: true, detail: files }));
  };
  input.addEventListener("change", take);
  // On a slow line the first picture may be taken before this module has arrived.
  if (input.files.length) take();

  async function add(file) {
    const row = blank.content.cloneNode(true).querySelector("li");
    let kept = file;
    try {
      const picture = await createImageBitmap(file);
      kept = await shrink(picture, file);
      draw(row.querySelector("canvas"), picture);
    } catch (notAPicture) {
      // PDFs and formats this browser cannot decode travel as they are; the server checks them.
      row.querySelector("canvas").hidden = true;
    }
    row.querySelector("[data-photos-name]").textContent = `${Math.ceil(kept.size / 1024)} KB`;
    row.querySelector("button").addEventListener("click", () => {
      files = files.filter((one) => one !== kept);
      row.remove();
      put();
    });
    files.push(kept);
    list.append(row);
  }
}

async function shrink(picture, file) {
  const scale = Math.min(1, LONGEST / Math.max(picture.width, picture.height));
  if (scale === 1 && file.type === "image/jpeg") return file;
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(picture.width * scale);
  canvas.height = Math.round(picture.height * scale);
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY));
  const name = file.name.replace(/\.\w+$/, "") || "photo";
  return new File([blob], `${name}.jpg`, { type: "image/jpeg" });
}

function draw(canvas, picture) {
  const side = Math.min(picture.width, picture.height);
  canvas.width = canvas.height = 208;
  canvas.getContext("2d").drawImage(picture, (picture.width - side) / 2, (picture.height - side) / 2, side, side, 0, 0, 208, 208);
}
