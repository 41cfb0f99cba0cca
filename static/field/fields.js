// One box of a form, made from the same definition as on the server. Each says its value and when it was changed.
import { h, t, button } from "./dom.js";
import { fromSignature, MOST, shrunk } from "./pictures.js";

let last = 0;

// → {element, name, value(), set(value), error(text), photos()}
export function box(spec, value, changed) {
  const make = { bool, choice, checks, lines, photos, signature, longtext, multiline: longtext }[spec.kind] || plain;
  const one = make(spec, `f${(last += 1)}`, changed);
  if (value !== undefined && value !== null) one.set(value);
  one.name = spec.name;
  one.spec = spec;
  one.photos ??= () => [];
  one.empty ??= () => ["", null, undefined, false].includes(one.value()) || (Array.isArray(one.value()) && !one.value().length);
  return one;
}

function frame(spec, id, inner, group = false) {
  const error = h("p", { class: "field__error", id: `${id}-error`, hidden: true });
  const hint = spec.help ? h("p", { class: "field__hint", id: `${id}-hint` }, spec.help) : null;
  const mark = spec.required ? "" : spec.asked_when ? t("asked_when", { when: spec.asked_when }) : t("optional");
  const title = [spec.title, mark && " ", mark && h("span", { class: "muted" }, mark)];
  const element = group
    ? h("fieldset", { class: "field" }, h("legend", { class: "field__label" }, title), hint, error, inner)
    : h("div", { class: "field" }, h("label", { class: "field__label", for: id }, title), hint, error, inner);
  const told = (text) => {
    error.hidden = !text;
    error.textContent = text || "";
    element.classList.toggle("has-error", Boolean(text));
    for (const input of element.querySelectorAll("input, select, textarea")) {
      if (text) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
    }
  };
  return { element, error: told, described: [hint && hint.id, error.id].filter(Boolean).join(" ") };
}

const TYPES = { number: "number", date: "date", datetime: "datetime-local", phone: "tel" };

function plain(spec, id, changed) {
  const input = h("input", {
    id,
    class: "input",
    type: TYPES[spec.kind] || "text",
    inputmode: spec.kind === "number" || spec.kind === "code" ? "numeric" : null,
    maxlength: spec.kind === "number" ? null : spec.max || 200,
    autocomplete: "off",
    oninput: changed,
    onchange: changed,
  });
  const box = frame(spec, id, input);
  input.setAttribute("aria-describedby", box.described);
  return {
    ...box,
    value: () => (spec.kind === "number" && input.value !== "" ? Number(input.value) : input.value.trim()),
    set: (value) => { input.value = value; },
  };
}

function longtext(spec, id, changed) {
  const input = h("textarea", { id, class: "input", rows: 4, maxlength: spec.max || 2000, oninput: changed });
  const box = frame(spec, id, input);
  input.setAttribute("aria-describedby", box.described);
  return { ...box, value: () => input.value.trim(), set: (value) => { input.value = value; } };
}

function bool(spec, id, changed) {
  const input = h("input", { id, type: "checkbox", onchange: changed });
  const error = h("p", { class: "field__error", hidden: true });
  const element = h("div", { class: "field" }, error, h("label", { class: "field-tick", for: id }, input, h("span", {}, spec.title)), spec.help && h("p", { class: "field__hint" }, spec.help));
  return {
    element,
    error: (text) => {
      error.hidden = !text;
      error.textContent = text || "";
    },
    value: () => input.checked,
    set: (value) => { input.checked = Boolean(value); },
  };
}

function choice(spec, id, changed) {
  if (spec.options.length > 7) {
    const select = h("select", { id, class: "input", onchange: changed }, h("option", { value: "" }, t("please_choose")), spec.options.map(([key, title]) => h("option", { value: key }, title)));
    const box = frame(spec, id, select);
    return { ...box, value: () => select.value, set: (value) => { select.value = value; } };
  }
  return options(spec, id, changed, "radio");
}

const checks = (spec, id, changed) => options(spec, id, changed, "checkbox");

function options(spec, id, changed, type) {
  const inputs = spec.options.map(([key], index) => h("input", { type, id: `${id}-${index}`, name: id, value: key, onchange: changed }));
  const rows = spec.options.map(([, title], index) => h("label", { class: "field-tick", for: `${id}-${index}` }, inputs[index], h("span", {}, title)));
  const box = frame(spec, id, rows, true);
  const chosen = () => inputs.filter((input) => input.checked).map((input) => input.value);
  return {
    ...box,
    value: () => (type === "radio" ? chosen()[0] || "" : chosen()),
    set: (value) => {
      for (const input of inputs) input.checked = [].concat(value).map(String).includes(input.value);
    },
  };
}

// 收到的材料: what is taken along, one line each; a line without a number was not taken.
function lines(spec, id, changed) {
  const list = h("div", { class: "field-lines" });
  const rows = [];
  const add = (line = {}) => {
    const number = rows.length + 1;
    const name = h("input", { class: "input", value: line.material || "", "aria-label": t("line_name", { n: number }), oninput: changed });
    const sheets = h("input", { class: "input", type: "number", min: 0, max: 999, inputmode: "numeric", value: line.sheets ?? "", "aria-label": t("line_sheets", { n: number }), oninput: changed });
    const original = h("input", { type: "checkbox", id: `${id}-o${number}`, onchange: changed });
    original.checked = Boolean(line.original);
    const condition = h("input", { class: "input", value: line.condition || "", "aria-label": t("line_condition", { n: number }), placeholder: t("condition"), oninput: changed });
    rows.push({ name, sheets, original, condition });
    list.append(
      h("div", { class: "field-line" }, name, h("div", { class: "field-line__row" }, h("span", { "aria-hidden": "true" }, t("sheets")), sheets, h("label", { class: "field-tick", for: original.id }, original, h("span", {}, t("original")))), condition),
    );
  };
  const box = frame(spec, id, [list, button(t("add_line"), () => { add(); changed(); })], true);
  return {
    ...box,
    value: () =>
      rows
        .map((row) => ({ material: row.name.value.trim(), sheets: row.sheets.value, original: row.original.checked, condition: row.condition.value.trim() }))
        .filter((line) => line.material && String(line.sheets).trim() !== "")
        .map((line) => ({ ...line, sheets: Number(line.sheets) })),
    kept: () => rows.map((row) => ({ material: row.name.value, sheets: row.sheets.value, original: row.original.checked, condition: row.condition.value })),
    set: (found) => {
      rows.length = 0;
      list.replaceChildren();
      for (const line of found) add(line);
    },
  };
}

function photos(spec, id, changed) {
  const found = [];
  const most = spec.most || MOST;
  const list = h("ul", { class: "field-photos plain" });
  const status = h("p", { class: "field__hint", role: "status" });
  const input = h("input", { id, type: "file", accept: "image/*", capture: "environment", multiple: most > 1, class: "visually-hidden" });
  const box = frame(spec, id, [h("label", { class: "btn field-btn field-camera", for: id }, t("take_photo")), input, status, list]);
  const show = () => {
    status.textContent = found.length ? t("photos_taken", { n: found.length, kb: Math.ceil(found.reduce((sum, one) => sum + one.size, 0) / 1024) }) : "";
    for (const image of list.querySelectorAll("img")) URL.revokeObjectURL(image.src);
    list.replaceChildren(
      ...found.map((one, index) =>
        h("li", {}, h("img", { src: URL.createObjectURL(new Blob([one.bytes], { type: "image/jpeg" })), alt: t("photo_n", { n: index + 1 }) }), button(t("drop_photo", { n: index + 1 }), () => {
          found.splice(index, 1);
          show();
          changed();
        })),
      ),
    );
  };
  input.addEventListener("change", async () => {
    const chosen = [...input.files];
    input.value = "";
    box.error("");
    status.textContent = t("photos_shrinking");
    for (const file of chosen) {
      if (found.length >= most) {
        box.error(t("photos_many", { n: most, more: chosen.length }));
        break;
      }
      try {
        const one = await shrunk(file);
        if (!found.some((other) => other.sha256 === one.sha256)) found.push(one);
      } catch (notAPicture) {
        box.error(t("photo_none", { name: file.name }));
      }
    }
    show();
    changed();
  });
  return {
    ...box,
    value: () => found.map((one) => `blob:${one.sha256}`),
    photos: () => found.map((one) => ({ ...one, name: spec.name })),
    set: (kept) => {
      found.splice(0, found.length, ...kept.filter((one) => one && one.bytes));
      show();
    },
  };
}

function signature(spec, id, changed) {
  let picture = null;
  const canvas = h("canvas", { id, class: "field-pad", tabindex: 0, role: "img", "aria-label": spec.title });
  const said = h("p", { class: "field__hint", role: "status" }, t("sign_here"));
  const box = frame(spec, id, [canvas, said, button(t("sign_again"), () => { pad?.clear(); picture = null; said.textContent = t("sign_here"); changed(); })], true);
  let pad = null;
  const start = () => {
    if (pad || !canvas.isConnected || !window.SignaturePad) return;
    const ratio = Math.max(window.devicePixelRatio || 1, 1);
    canvas.width = canvas.offsetWidth * ratio;
    canvas.height = canvas.offsetHeight * ratio;
    canvas.getContext("2d").scale(ratio, ratio);
    pad = new window.SignaturePad(canvas, { penColor: "#1F2328", minWidth: 1, maxWidth: 3 });
    pad.addEventListener("endStroke", async () => {
      picture = await fromSignature(pad.toDataURL("image/png"));
      said.textContent = t("signed");
      changed();
    });
  };
  new ResizeObserver(start).observe(canvas);
  return {
    ...box,
    value: () => (picture ? `blob:${picture.sha256}` : ""),
    photos: () => (picture ? [{ ...picture, name: spec.name }] : []),
    set: (kept) => {
      if (kept && kept.bytes) {
        picture = kept;
        said.textContent = t("signed_before");
      }
    },
  };
}
