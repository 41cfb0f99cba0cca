// A code seen by the camera or typed: is it what I am here for, or another station's?
import { app as state, show } from "./app.js";
import { button, h, t } from "./dom.js";
import { Offline } from "./api.js";

const NUMBER = /[A-Z]{2,8}-\d{4}-\d{4,9}/;

export async function scanPage(_app, uid) {
  const { cameraInto } = await import("../js/camera.js");
  const said = h("div", { class: "field-note", role: "status" }, t("scan_help"));
  const input = h("input", { class: "input", id: "code", maxlength: 300, autocomplete: "off", autocapitalize: "characters", "aria-describedby": "scan-said" });
  const video = h("video", { class: "field-video", playsinline: true, muted: true, hidden: true });
  let stop = null;
  const off = () => {
    if (stop) stop();
    stop = null;
    video.hidden = true;
  };
  addEventListener("hashchange", off, { once: true });
  const look = async (text) => {
    if (!text.trim()) return;
    const found = await judge(text, uid);
    said.className = `field-note ${found.good ? "is-done" : "is-late"}`;
    said.replaceChildren(h("p", {}, found.words), found.uid ? h("a", { class: "btn field-btn", href: `#/thing/${found.uid}` }, t("open_it")) : "");
    if (navigator.vibrate) navigator.vibrate(found.good ? 60 : [60, 60, 60]);
  };
  show(
    h("p", {}, h("a", { href: uid ? `#/thing/${uid}` : "#/more" }, t("back"))),
    h("h1", { tabindex: -1 }, t("scan_code")),
    said,
    video,
    button(t("scan_camera"), async () => {
      if (stop) return off();
      try {
        video.hidden = false;
        stop = await cameraInto(video, (code) => { input.value = code; look(code); });
      } catch (noCamera) {
        off();
        said.textContent = t("scan_no_camera");
      }
      return undefined;
    }, "btn-primary btn-big w-100"),
    h("form", { onsubmit: (event) => { event.preventDefault(); look(input.value); } },
      h("div", { class: "field" }, h("label", { class: "field__label", for: "code" }, t("scan_typed")), input),
      h("button", { class: "btn field-btn w-100" }, t("scan_look")),
    ),
  );
}

async function judge(text, uid) {
  const number = (text.normalize("NFKC").toUpperCase().match(NUMBER) || [""])[0];
  const things = [...state.day.visits, ...state.day.errands, ...state.day.board];
  const mine = number ? things.find((one) => one.number === number || one.related === number) : null;
  if (mine && (!uid || mine.uid === uid)) return { good: true, words: t("scan_right", { number, item: mine.item }), uid: mine.uid };
  if (mine) return { good: false, words: t("scan_other_task", { number, item: mine.item }), uid: mine.uid };
  try {
    const found = await state.api.post("scan", { code: text });
    return { good: !uid, words: t("scan_known", { number: found.number || "", state: found.state_title }) };
  } catch (trouble) {
    if (trouble instanceof Offline) return { good: false, words: t("scan_unknown_offline") };
    return { good: false, words: trouble.detail || t("scan_unknown_offline") };
  }
}
