// The check without a network: the address of a square code is typed, pasted or seen by the camera, and its signature checked here.
import { cameraInto } from "./camera.js";
import { check, chinese, parts } from "./claim.js";

const page = document.querySelector("[data-offline]");
const form = page.querySelector("[data-offline-form]");
const verdict = page.querySelector("[data-verdict]");
const TONES = { Good: "done", Late: "needs", Revoked: "late", Bad: "late", Stranger: "late", None: "waiting", Cannot: "waiting", Nocamera: "waiting" };
let keys = JSON.parse(page.dataset.known);
let stop = null;

if (navigator.serviceWorker) navigator.serviceWorker.register(page.dataset.worker).catch(() => {});
fetch(page.dataset.keys)
  .then((answer) => answer.json())
  .then((found) => { keys = found.keys; })
  .catch(() => {});

function say(word, facts = null) {
  const line = verdict.querySelector("[data-word]");
  line.textContent = page.dataset[`words${word}`];
  line.className = `verdict__word tone-${TONES[word]}`;
  verdict.dataset.state = word.toLowerCase();
  verdict.querySelector("[data-facts]").hidden = !facts;
  for (const place of verdict.querySelectorAll("[data-fact]")) {
    const value = facts ? facts[place.dataset.fact] : "";
    place.textContent = value instanceof Date ? chinese(value) : value || "";
  }
  verdict.querySelector("[data-until]").hidden = !facts || !facts.until;
  verdict.hidden = false;
}

async function look(text) {
  const found = parts(text);
  if (!found) return say("None");
  verdict.querySelector("[data-online]").href = `/verify/${found.code}`;
  const { state, facts } = await check(found.code, found.digits, keys);
  const today = new Date(Date.now() + 8 * 3600000).toISOString().slice(0, 10);
  const late = state === "good" && facts.until && facts.until.toISOString().slice(0, 10) < today;
  say(late ? "Late" : state[0].toUpperCase() + state.slice(1), facts);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  look(form.elements.text.value);
});

form.querySelector("[data-camera]").addEventListener("click", async () => {
  const video = form.querySelector("[data-video]");
  if (stop) return;
  video.hidden = false;
  try {
    stop = await cameraInto(video, (code) => {
      form.elements.text.value = code;
      if (stop) stop();
      stop = null;
      video.hidden = true;
      look(code);
    });
  } catch (trouble) {
    video.hidden = true;
    say("Nocamera");
  }
});

// Opened without a network in the place of the check page: the address still holds the claim.
if (parts(location.href)) look(location.href);
