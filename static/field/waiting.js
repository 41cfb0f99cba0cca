// 待上报: each thing with its state; what was refused or clashed is settled here by a person, and nothing typed is lost before.
import { again, app as state, show } from "./app.js";
import { button, h, moment, t } from "./dom.js";

const TONES = { waiting: "waiting", done: "done", refused: "late", conflict: "late" };

export async function outboxPage() {
  const all = (await state.outbox.list()).reverse();
  const open = all.filter((op) => op.state !== "done");
  const stuck = new Set(open.filter((op) => op.state !== "waiting").map((op) => op.op_id));
  const row = (op) => {
    const held = op.after.some((id) => stuck.has(id));
    const sent = op.blobs.reduce((sum, one) => sum + one.sent, 0);
    const size = op.blobs.reduce((sum, one) => sum + one.size, 0);
    return h("li", { class: "field-card", "data-op": op.op_id, "data-state": op.state },
      h("span", { class: "field-card__head" }, h("b", {}, op.title), h("span", { class: `field-tag tone-${TONES[op.state]}` }, held ? t("op_held") : t(`op_${op.state}`))),
      op.about ? h("span", {}, op.about) : "",
      op.state === "waiting" && size ? h("span", { class: "muted" }, t("photos_sent", { n: op.blobs.length, percent: Math.floor((sent / size) * 100) })) : "",
      op.sentence ? h("span", { class: op.state === "waiting" ? "muted" : "" }, op.sentence) : "",
      h("span", { class: "muted small" }, t("said_at", { when: moment(op.said_at) })),
      op.state === "done" ? "" : h("a", { class: "btn field-btn", href: `#/settle/${op.op_id}` }, op.state === "waiting" ? t("look_at") : t("settle")),
    );
  };
  show(
    h("h1", { tabindex: -1 }, t("outbox")),
    h("p", { class: "muted" }, t("outbox_help")),
    open.length ? button(t("send_now"), () => dispatchEvent(new Event("online")), "btn-primary w-100") : h("p", {}, t("outbox_none")),
    h("ul", { class: "plain" }, open.map(row)),
    all.length > open.length ? [h("h2", {}, t("outbox_done")), h("ul", { class: "plain" }, all.filter((op) => op.state === "done").map(row))] : "",
  );
}

// Everything of it in full, so that nothing that was typed can be lost, and what a person may do with it now.
export async function conflictPage(_app, id) {
  const op = await state.outbox.get(id);
  if (!op || op.state === "done") return show(h("h1", { tabindex: -1 }, t("settled_title")), h("p", {}, op ? op.sentence : t("settled")), h("a", { class: "btn field-btn", href: "#/waiting" }, t("outbox")));
  const typed = Object.entries(op.inputs).map(([name, value]) => [titleOf(op, name), asOnTheForm(op, name, value)]);
  const parts = [
    h("p", {}, h("a", { href: "#/waiting" }, t("outbox"))),
    h("h1", { tabindex: -1 }, op.title),
    op.about ? h("p", {}, op.about) : "",
    op.sentence ? h("div", { class: "flash flash--error", role: "alert" }, h("p", {}, op.sentence)) : h("p", {}, t(`op_${op.state}`)),
    op.errors.length ? h("ul", {}, op.errors.map((one) => h("li", {}, titleOf(op, one.field) === one.field ? one.message : `${titleOf(op, one.field)}：${one.message}`))) : "",
  ];
  const clash = op.conflict;
  if (clash && clash.fields) parts.push(bothValues(op, clash));
  else {
    if (clash) parts.push(theirs(clash));
    parts.push(h("section", { class: "card-box" }, h("h2", {}, t("mine")), typed.length ? h("dl", { class: "field-facts" }, typed.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))) : h("p", { class: "muted" }, t("mine_empty"))));
    const actions = [];
    if (clash && clash.open) actions.push(button(t("mine_anyway"), () => resend(op, { base: clash.version }), "btn-primary btn-big w-100"));
    if (op.state === "refused") {
      actions.push(button(t("mend"), () => mend(op), "btn-primary btn-big w-100"));
      actions.push(button(t("send_again"), () => resend(op, {}), "w-100"));
    }
    actions.push(button(t("give_up"), (event) => sure(event.target, op), "w-100"));
    parts.push(h("div", { class: "field-actions" }, actions));
  }
  return show(parts);
}

const theirs = (clash) =>
  h("section", { class: "card-box" },
    h("h2", {}, t("theirs")),
    h("p", {}, t("theirs_told", { who: clash.who || t("somebody"), when: moment(clash.when), did: clash.did || "", state: clash.state_title || "" })),
    clash.theirs.length ? h("dl", { class: "field-facts" }, clash.theirs.map((one) => h("div", {}, h("dt", {}, one.title), h("dd", {}, one.value)))) : "",
    clash.open ? "" : h("p", { class: "muted" }, t("theirs_closed")),
  );

// Box by box: what I wrote, what the other wrote, and a person chooses.
function bothValues(op, clash) {
  const chosen = {};
  const rows = clash.fields.map((one, index) => {
    const pick = (side, value) => {
      const id = `pick-${index}-${side}`;
      return h("label", { class: "field-tick", for: id }, h("input", { type: "radio", id, name: `pick-${index}`, onchange: () => { chosen[one.field] = value; } }), h("span", {}, h("span", { class: "muted" }, `${t(side)}：`), value || t("left_empty")));
    };
    return h("fieldset", { class: "field" }, h("legend", { class: "field__label" }, one.title), h("p", { class: "muted" }, t("was", { value: one.seen || t("left_empty") })), pick("mine", one.mine), pick("theirs", one.theirs));
  });
  const trouble = h("p", { class: "field__error", role: "alert", hidden: true }, t("choose_each"));
  const keep = () => {
    if (clash.fields.some((one) => !(one.field in chosen))) {
      trouble.hidden = false;
      return;
    }
    const inputs = { ...op.inputs };
    // What I left alone stays as the other wrote it.
    for (const [name, value] of Object.entries(clash.now)) if (name in inputs && String(inputs[name]) === String(op.seen[name] ?? "")) inputs[name] = value;
    resend(op, { inputs: { ...inputs, ...chosen }, seen: clash.now });
  };
  return h("section", { class: "card-box" },
    h("h2", {}, t("both_changed", { who: clash.who || t("somebody"), when: moment(clash.when) })),
    rows,
    trouble,
    h("div", { class: "field-actions" }, button(t("hand_in_chosen"), keep, "btn-primary btn-big w-100"), button(t("give_up"), (event) => sure(event.target, op), "w-100")),
  );
}

async function resend(op, changes) {
  await state.outbox.again(op, changes);
  location.hash = "#/waiting";
  dispatchEvent(new Event("online"));
}

// Back into the form with everything that was typed; photos too.
async function mend(op) {
  const key = op.kind === "step" ? `${op.thing}:${op.verb}` : op.kind === "review" ? `care:${op.thing}` : "log";
  const values = {};
  for (const [name, value] of Object.entries(op.inputs)) {
    const hashes = [].concat(value).filter((one) => typeof one === "string" && one.startsWith("blob:")).map((one) => one.slice(5));
    if (hashes.length) values[name] = { photos: hashes };
    else if (name === "answers") for (const [inner, found] of Object.entries(value)) values[`answers.${inner}`] = found;
    else values[name] = value;
  }
  await state.box.put("draft", key, { values, at: Date.now(), screen: 0 });
  location.hash = op.kind === "step" ? `#/do/${op.thing}/${op.verb}/${op.op_id}` : op.kind === "review" ? `#/review/${op.thing}/${op.op_id}` : `#/log/${op.op_id}`;
}

function sure(pressed, op) {
  if (pressed.dataset.sure) {
    state.outbox.giveUp(op).then(() => { location.hash = "#/waiting"; return again(); });
    return;
  }
  pressed.dataset.sure = "1";
  pressed.textContent = t("give_up_sure");
}

function titleOf(op, name) {
  const thing = state.day && [...state.day.visits, ...state.day.errands, ...state.day.board].find((one) => one.uid === op.thing);
  const step = thing && state.day.flows[thing.flow].steps[op.verb];
  const spec = step && step.inputs.find((one) => one.name === name);
  return spec ? spec.title : t(`field_${name}`) === `field_${name}` ? name : t(`field_${name}`);
}

// What was chosen by its name, as it stood on the form.
function asOnTheForm(op, name, value) {
  const day = state.day;
  if (!day || typeof value !== "string") return told(value);
  const log = day.log || {};
  const thing = [...day.visits, ...day.errands, ...day.board].find((one) => one.uid === op.thing);
  const step = thing && day.flows[thing.flow].steps[op.verb];
  const spec = step && step.inputs.find((one) => one.name === name);
  const lists = {
    create: { grid: log.grids, duty: log.duties, kind: log.kinds, building: log.buildings, care: day.care.map((one) => [one.id, one.who]) },
    review: { condition: day.conditions },
    step: { [name]: spec && spec.options },
  };
  const found = ((lists[op.kind] || {})[name] || []).find(([key]) => String(key) === value);
  return found ? found[1] : told(value);
}

function told(value) {
  if (Array.isArray(value)) {
    const photos = value.filter((one) => typeof one === "string" && one.startsWith("blob:")).length;
    if (photos) return t("photos_n", { n: photos });
    return value.map((one) => (one && typeof one === "object" ? `${one.material} ${one.sheets}` : one)).join("、");
  }
  if (typeof value === "string" && value.startsWith("blob:")) return t("picture");
  if (value === true) return t("yes");
  if (value && typeof value === "object") return Object.values(value).map(told).join("、");
  return String(value);
}
