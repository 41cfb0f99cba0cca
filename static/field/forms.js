// A form on the phone: one screen after the other, kept sealed at every change, handed to the outbox at the end.
import { box } from "./fields.js";
import { button, h, t } from "./dom.js";
import { speaker } from "./speak.js";

const SAVE_MS = 300;

// spec: {title, help, key, screens: [{title, fields: [spec]}], values, check(values) → {name: sentence}, done(inputs, photos), done_label}
export async function showForm(host, spec, vault) {
  const kept = (await vault.get("draft", spec.key)) || { values: {}, at: 0 };
  const boxes = [];
  const saved = h("p", { class: "field-saved", role: "status" }, kept.at ? t("draft_found") : "");
  let timer = null;
  let saving = Promise.resolve();

  const save = async () => {
    timer = null;
    const values = {};
    const photos = [];
    for (const one of boxes) {
      const found = one.photos();
      if (found.length) {
        values[one.name] = { photos: found.map((photo) => photo.sha256) };
        photos.push(...found);
      } else values[one.name] = one.kept ? one.kept() : one.value();
    }
    await vault.putAll([
      ["draft", spec.key, { values, at: Date.now(), screen: current }],
      ...photos.map((photo) => ["photo", photo.sha256, photo.bytes]),
    ]);
    saved.textContent = t("draft_saved");
  };
  const now = () => {
    clearTimeout(timer);
    saving = saving.then(save).catch(() => { saved.textContent = t("draft_full"); });
    return saving;
  };
  const changed = () => {
    saved.textContent = t("draft_saving");
    clearTimeout(timer);
    timer = setTimeout(now, SAVE_MS);
  };

  const screens = [];
  for (const screen of spec.screens) {
    const shown = [];
    for (const field of screen.fields) {
      let value = kept.values[field.name] ?? spec.values[field.name];
      if (value && value.photos) {
        const found = [];
        for (const sha256 of value.photos) {
          const bytes = await vault.bytes("photo", sha256);
          if (bytes) found.push({ sha256, bytes, size: bytes.length });
        }
        value = field.kind === "signature" ? found[0] : found;
      }
      const one = box(field, value, changed);
      shown.push(one);
      boxes.push(one);
    }
    screens.push({ ...screen, boxes: shown });
  }

  let current = Math.min(kept.screen || 0, screens.length - 1);
  const summary = h("div", { class: "error-summary", role: "alert", tabindex: -1, hidden: true });
  const body = h("div");
  const form = h("form", { novalidate: true, class: "field-form", onsubmit: (event) => { event.preventDefault(); forward(); } });

  const blame = (errors, sentence = "") => {
    const named = Object.entries(errors).filter(([, text]) => text);
    for (const one of boxes) one.error(errors[one.name] || "");
    summary.hidden = !named.length && !sentence;
    summary.replaceChildren(
      h("p", {}, sentence || t("still_missing")),
      named.length ? h("ul", {}, named.map(([, text]) => h("li", {}, text))) : "",
    );
    if (!summary.hidden) summary.focus();
  };

  const lacking = (shown) => {
    const values = Object.fromEntries(boxes.map((one) => [one.name, one.value()]));
    const further = spec.check ? spec.check(values, screens[current]) : {};
    const errors = {};
    for (const one of shown) {
      if (further[one.name]) errors[one.name] = further[one.name];
      else if (one.spec.required && one.empty()) errors[one.name] = t("please_fill", { title: one.spec.title });
    }
    return errors;
  };

  let handing = false;
  async function forward() {
    const errors = lacking(screens[current].boxes);
    blame(errors);
    if (Object.keys(errors).length || handing) return;
    if (current < screens.length - 1) {
      current += 1;
      await now();
      show();
      return;
    }
    handing = true;
    try {
      await now();
      const inputs = {};
      for (const one of boxes) if (!one.empty()) inputs[one.name] = one.value();
      const photos = boxes.flatMap((one) => one.photos());
      await spec.done(inputs, photos.filter((one, index) => photos.findIndex((other) => other.sha256 === one.sha256) === index));
    } catch (trouble) {
      // Handed in once is enough: only what did not get into the store may be pressed again.
      handing = false;
      saved.textContent = t("draft_full");
      throw trouble;
    }
  }

  function show() {
    const screen = screens[current];
    const heading = h("h1", { tabindex: -1 }, screen.title || spec.title);
    const place = screens.length > 1 ? h("p", { class: "muted" }, t("screen_of", { n: current + 1, all: screens.length })) : "";
    const final = current === screens.length - 1;
    body.replaceChildren(
      ...[place, heading, spec.about || "", screen.help || spec.help ? h("p", { class: "muted" }, screen.help || spec.help) : "", speaker(() => [screen.title || spec.title, screen.help || spec.help, screen.boxes.map((one) => one.spec.title).join("，")].filter(Boolean).join("。"))].filter(Boolean),
      summary,
      ...screen.boxes.map((one) => one.element),
    );
    form.replaceChildren(
      body,
      saved,
      h("div", { class: "field-actions" }, h("button", { class: "btn btn-primary btn-big field-btn w-100" }, final ? spec.done_label : t("next_screen")), current ? button(t("back_screen"), () => { current -= 1; blame({}); now(); show(); }, "w-100") : ""),
    );
    heading.focus();
  }
  host.replaceChildren(form);
  show();
  return { blame, save: now };
}
