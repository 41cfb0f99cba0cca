// A part that came anew takes the place of the old one, but what did not change stays: the box under the hands keeps its caret
// and its half-written word, what was typed and the scans that were chosen stay, and only the rest is drawn.
const CONTROLS = "input, select, textarea";
const TICKS = new Set(["checkbox", "radio"]);

// `sent` is what the server was asked with: what it only says back is no news, somebody may have cleared the box since.
export function redraw(old, fresh, sent) {
  const focused = old.contains(document.activeElement) ? document.activeElement.name : "";
  const held = new Map([...old.querySelectorAll(CONTROLS)].map((field) => [placeOf(field), field]));
  const came = merge(old, fresh, sent);
  for (const element of came) {
    const fields = element.matches(CONTROLS) ? [element] : element.querySelectorAll(CONTROLS);
    for (const field of fields) {
      // A paper that serves one matter more may go by another name now; the scan is the same.
      const before = [placeOf(field), ...(field.dataset.also || "").split(" ")].find((name) => held.has(name));
      if (before) carry(held.get(before), field, sent);
    }
  }
  if (focused && !old.contains(document.activeElement)) old.querySelector(`[name="${CSS.escape(focused)}"]`)?.focus();
}

// Makes `old` what `fresh` is and answers what had to be put in; what stays is never moved, that would take the hands off it.
function merge(old, fresh, sent) {
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  const there = new Map();
  for (const one of old.children) if (!there.has(keyOf(one))) there.set(keyOf(one), one);
  const came = [];
  const wanted = [...fresh.children].map((one) => {
    const known = there.get(keyOf(one));
    there.delete(keyOf(one));
    if (known && one.hasAttribute("data-each")) came.push(...merge(known, one, sent));
    else if (known && same(known, one)) takeNews(known, one, sent);
    else {
      came.push(document.importNode(one, true));
      return came[came.length - 1];
    }
    return known;
  });
  const stays = new Set(wanted);
  for (const one of [...old.children]) if (!stays.has(one)) one.remove();
  let at = old.firstElementChild;
  for (const one of wanted) {
    if (one === at) at = at.nextElementSibling;
    else old.insertBefore(one, at);
  }
  return came;
}

// A box or a paper is known by its first control, what has none by what it is.
function keyOf(element) {
  const control = element.hasAttribute("data-each") ? null : element.matches(CONTROLS) ? element : element.querySelector(CONTROLS);
  return `${element.nodeName} ${control ? control.name : element.className}`;
}

// Alike but for what was typed, ticked and chosen in it.
function same(one, other) {
  if (one.nodeType !== other.nodeType || one.nodeName !== other.nodeName) return false;
  if (one.nodeType !== Node.ELEMENT_NODE) return one.nodeValue.trim() === other.nodeValue.trim();
  if (one.hasAttribute("data-own")) return keyOf(one) === keyOf(other);
  for (const { name, value } of other.attributes) if (!isState(one, name) && one.getAttribute(name) !== value) return false;
  for (const { name } of one.attributes) if (!isState(one, name) && !other.hasAttribute(name)) return false;
  if (one.nodeName === "TEXTAREA") return true;
  if (one.childNodes.length !== other.childNodes.length) return false;
  for (let child = one.firstChild, its = other.firstChild; child; child = child.nextSibling, its = its.nextSibling) {
    if (!same(child, its)) return false;
  }
  return true;
}

function isState(element, name) {
  if (name === "checked" || name === "selected") return true;
  return name === "value" && element.nodeName === "INPUT" && element.type !== "hidden" && !TICKS.has(element.type);
}

// What the server knows and nobody typed.
function takeNews(known, fresh, sent) {
  const news = fresh.querySelectorAll(CONTROLS);
  known.querySelectorAll(CONTROLS).forEach((field, index) => {
    const told = news[index] && !TICKS.has(field.type) && field.type !== "file" ? news[index].value : "";
    if (told && !field.value && told !== sent.get(field.name)) field.value = told;
  });
}

const placeOf = (field) => (TICKS.has(field.type) ? `${field.name}=${field.value}` : field.name);

// From the box that was there to the one that came in its place.
function carry(from, to, sent) {
  if (to.type === "hidden" || from.type !== to.type) return;
  if (to.type === "file") {
    if (!from.files.length) return;
    to.files = from.files;
    to.dispatchEvent(new Event("daiban:files", { bubbles: true }));
  } else if (TICKS.has(to.type)) to.checked = from.checked;
  else if (from.value || to.value === sent.get(to.name)) to.value = from.value;
}
