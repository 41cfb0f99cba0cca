// On the check page: what is signed in the square code is compared with what the register says.
import { check, chinese } from "./claim.js";
import { fresh } from "./fresh.js";

for (const line of document.querySelectorAll("[data-claim]")) if (fresh(line)) start(line);

async function start(line) {
  // From now on the check without a network is on this telephone, too.
  if (navigator.serviceWorker) navigator.serviceWorker.register(line.dataset.worker).catch(() => {});
  const digits = /^#([0-9]{20,1200})$/.exec(location.hash);
  if (!digits) return;
  const keys = await fetch(line.dataset.keys).then((answer) => answer.json()).catch(() => null);
  if (!keys) return;
  const { state, facts } = await check(line.dataset.code, digits[1], keys.keys);
  if (state === "cannot") return;
  const page = line.closest("[data-result]").textContent;
  const same = facts && [facts.number, facts.kind, chinese(facts.date)].every((one) => page.includes(one));
  const word = state === "revoked" ? "Revoked" : state !== "good" ? "Bad" : same || line.closest("[data-result=unknown]") ? "Good" : "Differs";
  line.textContent = line.dataset[`words${word}`];
  line.classList.add(word === "Good" ? "tone-done" : "tone-late");
  line.hidden = false;
}
