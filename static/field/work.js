// The day itself: who to visit, what to carry, what to write down.
import { app as state, handIn, serverNow, show } from "./app.js";
import { dayOf, h, moment, t } from "./dom.js";
import { showForm } from "./forms.js";
import { standing } from "./outbox.js";
import { speaker } from "./speak.js";

const all = (day) => [...day.visits, ...day.errands, ...day.board];
const find = (uid) => (state.day ? all(state.day).find((one) => one.uid === uid) : null);
const flowOf = (thing) => state.day.flows[thing.flow];

function here(thing, ops) {
  const { state: at, waiting } = standing(thing, flowOf(thing), ops);
  const mine = ops.filter((op) => op.thing === thing.uid);
  return { at, waiting, told: flowOf(thing).states[at], steps: stepsFrom(thing, at), ops: mine };
}

function stepsFrom(thing, at) {
  return Object.entries(flowOf(thing).steps)
    .filter(([id, step]) => thing.able.includes(id) && step.from.includes(at))
    .sort(([, a], [, b]) => Number(b.primary) - Number(a.primary))
    .map(([id, step]) => ({ id, ...step }));
}

const tag = (told, waiting) => h("span", { class: `field-tag tone-${told.tone}` }, told.title, waiting ? t("tag_waiting") : "");
const phone = (number, who) => (number ? h("a", { class: "btn field-btn w-100", href: `tel:${number.replace(/[^\d+]/g, "")}` }, t("call", { who, number })) : "");

// --- today ------------------------------------------------------------------------------------------------------------
export async function todayPage() {
  const day = state.day;
  if (!day) return show(h("h1", { tabindex: -1 }, t("today")), h("p", {}, t("no_day")));
  const ops = await state.outbox.open();
  const today = dayOf(serverNow());
  const dated = day.visits.filter((one) => ["scheduled", "visiting"].includes(one.state));
  const sections = [
    [t("visits_today"), dated.filter((one) => !one.slot || one.slot.slice(0, 10) <= today), t("visits_none"), day.log.grids],
    [t("visits_next"), dated.filter((one) => one.slot && one.slot.slice(0, 10) > today)],
    [t("results_to_bring"), day.visits.filter((one) => one.state === "result_ready")],
    [t("visits_other"), day.visits.filter((one) => !["scheduled", "visiting", "result_ready"].includes(one.state))],
    [t("errands_mine"), day.errands, t("errands_none"), day.board.length || day.errands.length],
    [t("errands_board"), day.board],
  ];
  const parts = [h("h1", { tabindex: -1 }, t("today")), h("p", { class: "muted" }, t("day_of", { day: moment(`${day.today}T00:00+08:00`).replace(/ \d\d:\d\d$/, ""), name: day.person.name }))];
  const first = sections.flatMap(([, list]) => list)[0];
  if (first) parts.push(speaker(() => t("next_is", { what: first.item, who: first.who || "", where: first.address || first.to || "" })));
  for (const [title, list, empty, asked] of sections) {
    if (!list.length && !(empty && asked)) continue;
    parts.push(h("section", { class: "field-section" }, h("h2", {}, list.length ? t("counted", { title, n: list.length }) : title), list.length ? list.map((one) => card(one, ops)) : h("p", { class: "muted" }, empty)));
  }
  if (day.log.grids) parts.push(h("a", { class: "btn field-btn w-100", href: "#/care" }, t("care_of", { n: day.care.length })));
  return show(parts);
}

function card(thing, all) {
  const { told, waiting, ops } = here(thing, all);
  const stuck = ops.some((op) => op.state !== "waiting");
  const where = thing.type === "home_visit" ? thing.address || thing.grid : [thing.from, thing.to].filter(Boolean).join(" → ");
  return h("a", { class: `field-card${stuck ? " is-late" : ""}`, href: `#/thing/${thing.uid}` },
    h("span", { class: "field-card__head" }, h("b", {}, thing.who || thing.item), tag(told, waiting)),
    thing.who ? h("span", {}, thing.item) : "",
    h("span", { class: "muted" }, [thing.slot && moment(thing.slot), where].filter(Boolean).join(" · ")),
    stuck ? h("span", { class: "tone-late" }, t("needs_you")) : "",
  );
}

// --- one thing --------------------------------------------------------------------------------------------------------
export async function thingPage(_app, uid) {
  const thing = find(uid);
  if (!thing) return show(h("h1", { tabindex: -1 }, t("gone_title")), h("p", {}, t("gone")), h("a", { class: "btn field-btn", href: "#/" }, t("back_today")));
  const { told, waiting, steps, ops } = here(thing, await state.outbox.open());
  const facts = thing.type === "home_visit"
    ? [[t("number"), thing.number], [t("item"), thing.item], [t("when"), moment(thing.slot)], [t("address"), thing.address], [t("basis"), thing.basis], [t("contact"), thing.contact], [t("bring"), thing.bring.join("、")], [t("attempts"), thing.attempts ? String(thing.attempts) : ""]]
    : [[t("number"), thing.number], [t("from"), [thing.from, thing.from_address].filter(Boolean).join(" ")], [t("to"), [thing.to, thing.to_address].filter(Boolean).join(" ")], [t("envelopes"), String(thing.envelopes)], [t("deliver_by"), moment(thing.slot)], [t("contact"), thing.contact]];
  const next = steps[0];
  show(
    h("p", {}, h("a", { href: "#/" }, t("back_today"))),
    h("h1", { tabindex: -1 }, thing.who || thing.item),
    h("p", {}, tag(told, waiting)),
    speaker(() => [thing.who, thing.item, facts.filter(([, value]) => value).map(([name, value]) => `${name}：${value}`).join("，"), next ? t("next_step", { step: next.title }) : ""].join("。")),
    ops.map((op) => h("p", { class: `field-note ${op.state === "waiting" ? "" : "is-late"}` }, h("a", { href: `#/settle/${op.op_id}` }, op.title), `：${op.sentence || t(`op_${op.state}`)}`)),
    h("dl", { class: "field-facts" }, facts.filter(([, value]) => value).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
    phone(thing.phone, thing.who),
    phone(thing.contact_phone, thing.contact),
    h("div", { class: "field-actions" },
      steps.map((step, index) => h("a", { class: `btn field-btn w-100 ${index === 0 ? "btn-primary btn-big" : ""}`, href: `#/do/${thing.uid}/${step.id}` }, step.title)),
      steps.length ? "" : h("p", { class: "muted" }, t("nothing_here")),
      h("a", { class: "btn field-btn w-100", href: `#/scan/${thing.uid}` }, t("scan_code")),
    ),
  );
}

// --- a step -----------------------------------------------------------------------------------------------------------
export async function formPage(_app, uid, verb, settles) {
  const thing = find(uid);
  const place = thing ? here(thing, await state.outbox.open()) : null;
  const step = thing ? flowOf(thing).steps[verb] : null;
  if (!thing || !step || (!settles && !place.steps.some((one) => one.id === verb))) {
    return show(h("h1", { tabindex: -1 }, t("gone_title")), h("p", {}, t("step_gone")), h("a", { class: "btn field-btn", href: thing ? `#/thing/${uid}` : "#/" }, t("back")));
  }
  const about = h("p", { class: "muted" }, [thing.who, thing.item, thing.number].filter(Boolean).join(" · "));
  const asked = (thing.screens && thing.screens[verb]) || [];
  // Whoever is met at home signs and hands over papers; only a check of being alive may end without either.
  const checks = asked.some((screen) => screen.inputs.includes("finding"));
  const needed = (one) => asked.length && !checks && ["lines", "powers", "signature", "valid_until"].includes(one.name);
  const named = Object.fromEntries(step.inputs.map((one) => [one.name, needed(one) ? { ...one, required: true } : one]));
  const questions = verb === "collect" ? thing.questions || [] : [];
  const screens = asked.length
    ? [
        ...asked.map((screen) => ({
          id: screen.id,
          title: screen.title,
          help: t(`help_${screen.id}`),
          fields: [...screen.inputs.map((name) => named[name]), ...(screen.id === "papers" ? questions.map((one) => ({ ...one, name: `answers.${one.name}` })) : [])],
        })),
      ]
    : [{ title: step.title, fields: step.inputs }];
  await show();
  await showForm(document.getElementById("content"), {
    title: step.title,
    key: `${uid}:${verb}`,
    about,
    screens,
    values: (thing.defaults || {})[verb] || {},
    done_label: t("done_keep", { step: step.title }),
    check: (values, screen) => (verb === "collect" ? checkDoor(values, screen) : {}),
    done: async (given, photos) => {
      const inputs = {};
      for (const [name, value] of Object.entries(given)) {
        if (name.startsWith("answers.")) (inputs.answers ??= {})[name.slice(8)] = value;
        else inputs[name] = value;
      }
      const op = { kind: "step", thing: uid, verb, title: step.title, about: [thing.who, thing.item].filter(Boolean).join(" · "), inputs, base: thing.version, photos, draft: `${uid}:${verb}` };
      await handIn(op, settles);
      location.hash = `#/thing/${uid}`;
    },
  }, state.box);
  document.title = `${step.title} · ${t("app_name")}`;
  return undefined;
}

// The same questions as at the desk, asked before the door is closed behind one; the server has the last word.
function checkDoor(values, screen) {
  const gone = values.finding && values.finding !== "alive";
  const wrong = {};
  if (screen.id === "identity" && !values.identity_checked && !gone) wrong.identity_checked = t("tick_identity");
  if (screen.id === "papers" && !values.lines.length && !values.finding) wrong.lines = t("list_papers");
  if (screen.id === "letter" && !gone) {
    if (!values.signature) wrong.signature = t("sign_missing");
    if (values.fingerprint && !(values.witness_1 && values.witness_2)) wrong.witness_1 = t("witness_missing");
    if (!values.powers.length) wrong.powers = t("powers_missing");
  }
  return wrong;
}

// --- 网格日志 -----------------------------------------------------------------------------------------------------------
export async function logPage(_app, settles) {
  const log = state.day && state.day.log;
  if (!log || !log.grids) return show(h("h1", { tabindex: -1 }, t("log")), h("p", {}, t("log_none")));
  const today = dayOf(serverNow());
  const one = (name, kind, title, more = {}) => ({ name, kind, title, required: false, options: [], help: "", ...more });
  const care = state.day.care.map((entry) => [String(entry.id), entry.who]);
  await show();
  await showForm(document.getElementById("content"), {
    title: t("log"),
    key: "log",
    screens: [{
      title: t("log_new"),
      fields: [
        one("grid", "choice", t("log_grid"), { required: true, options: log.grids }),
        one("duty", "choice", t("log_duty"), { required: true, options: log.duties }),
        one("kind", "choice", t("log_kind"), { required: true, options: log.kinds }),
        one("what", "longtext", t("log_what"), { required: true, max: 500 }),
        one("minutes", "number", t("log_minutes"), { required: true }),
        one("where", "text", t("log_where"), { max: 100 }),
        ...(log.buildings.length ? [one("building", "choice", t("log_building"), { options: [["", t("none")], ...log.buildings.map(([id, name]) => [String(id), name])] })] : []),
        ...(care.length ? [one("care", "choice", t("log_care"), { options: [["", t("none")], ...care] })] : []),
        one("happened_on", "date", t("log_day"), { required: true, help: t("log_day_help", { n: log.late_days }) }),
        one("photo", "photos", t("log_photo"), { most: 1 }),
      ],
    }],
    values: { grid: log.grids.length === 1 ? log.grids[0][0] : "", kind: "walk", happened_on: today },
    done_label: t("log_keep"),
    done: async (inputs, photos) => {
      const given = { ...inputs, ...(inputs.photo ? { photo: inputs.photo[0] } : {}) };
      await handIn({ kind: "create", thing: "grid_log", title: t("log"), about: given.what.slice(0, 40), inputs: given, photos, draft: "log" }, settles);
      location.hash = "#/waiting";
    },
  }, state.box);
  return undefined;
}

// --- 动态管理名册 -------------------------------------------------------------------------------------------------------
export async function carePage() {
  const list = state.day ? state.day.care : [];
  const today = dayOf(serverNow());
  const titles = Object.fromEntries(state.day ? state.day.conditions : []);
  show(
    h("h1", { tabindex: -1 }, t("care")),
    list.length ? "" : h("p", { class: "muted" }, t("care_none")),
    list.map((entry) =>
      h("a", { class: "field-card", href: `#/review/${entry.id}` },
        h("span", { class: "field-card__head" }, h("b", {}, entry.who), h("span", { class: `field-tag ${entry.values.review_on <= today ? "tone-late" : "tone-done"}` }, entry.values.review_on <= today ? t("review_late") : t("review_on", { day: entry.values.review_on }))),
        h("span", {}, titles[entry.values.condition] || ""),
        h("span", { class: "muted" }, entry.address),
      ),
    ),
  );
}

// What was seen of an entry with what waits on this phone laid over it.
async function seenOf(entry) {
  const waiting = (await state.outbox.open()).filter((op) => op.kind === "review" && op.thing === String(entry.id) && op.state === "waiting");
  return waiting.reduce((values, op) => ({ ...values, ...op.inputs }), { ...entry.values });
}

export async function careFormPage(_app, id, settles) {
  const entry = state.day && state.day.care.find((one) => String(one.id) === id);
  if (!entry) return show(h("h1", { tabindex: -1 }, t("gone_title")), h("p", {}, t("gone")));
  const seen = await seenOf(entry);
  const one = (name, kind, title, more = {}) => ({ name, kind, title, required: false, options: [], help: "", ...more });
  await show();
  await showForm(document.getElementById("content"), {
    title: t("care_review"),
    key: `care:${id}`,
    about: h("div", {}, h("p", {}, [entry.who, entry.address].filter(Boolean).join(" · ")), phone(entry.phone, entry.who)),
    screens: [{
      title: t("care_review"),
      fields: [
        one("condition", "choice", t("condition_of"), { required: true, options: state.day.conditions }),
        one("proof", "longtext", t("proof"), {}),
        one("needs", "longtext", t("needs"), { max: 500 }),
        one("contact", "text", t("care_contact"), { max: 60 }),
        one("contact_phone", "phone", t("care_phone"), { max: 20 }),
        one("review_on", "date", t("next_review"), { required: true }),
        one("reason", "text", t("remark"), { max: 120 }),
      ],
    }],
    values: seen,
    done_label: t("care_keep"),
    done: async (inputs) => {
      await handIn({ kind: "review", thing: id, verb: "review", title: t("care_review"), about: entry.who, inputs, seen, draft: `care:${id}` }, settles);
      location.hash = "#/waiting";
    },
  }, state.box);
  return undefined;
}


