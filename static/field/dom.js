// Building the page: text is always text, never markup.
let words = {};

export function setWords(found) {
  words = found;
}

export function t(key, values = {}) {
  return (words[key] || key).replace(/\{(\w+)\}/g, (_all, name) => String(values[name] ?? ""));
}

export function h(tag, given = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (value === true) element.setAttribute(name, "");
    else element.setAttribute(name, String(value));
  }
  for (const child of children.flat(3)) {
    if (child === null || child === undefined || child === false || child === "") continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return element;
}

export const button = (label, onclick, kind = "") => h("button", { type: "button", class: `btn field-btn ${kind}`, onclick }, label);

const WEEK = ["日", "一", "二", "三", "四", "五", "六"];
const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

// 3月5日 周四 14:20 in China's time, whatever zone the phone is set to; Thu 05 Mar 14:20 as on the other English pages.
export function moment(text) {
  if (!text) return "";
  const at = new Date(new Date(text).getTime() + 8 * 3600000);
  const clock = `${String(at.getUTCHours()).padStart(2, "0")}:${String(at.getUTCMinutes()).padStart(2, "0")}`;
  if (globalThis.document?.documentElement.lang === "en") {
    return `${DAYS[at.getUTCDay()]} ${String(at.getUTCDate()).padStart(2, "0")} ${MONTHS[at.getUTCMonth()]} ${clock}`;
  }
  return `${at.getUTCMonth() + 1}月${at.getUTCDate()}日 周${WEEK[at.getUTCDay()]} ${clock}`;
}

export function dayOf(ms) {
  return new Date(ms + 8 * 3600000).toISOString().slice(0, 10);
}
