// Signed out on an ordinary page: the field app on this phone is locked as well, and what it had fetched is gone.
import { Guard } from "./guard.js";
import { openStore } from "./store.js";

const store = await openStore();
const guard = new Guard(store);
await guard.lock();
document.querySelector("[data-field-left]").dataset.locked = "yes";
