// Drives the real modules of the field app as one phone of a history, with a line that cuts, repeats, delays and loses answers.
async () => {
  const load = (name) => import(`/static/field/${name}.js`);
  const [{ openStore }, { Guard }, { Outbox }, { Api, Offline, Refused }, { Sync }] = await Promise.all(
    ["store", "guard", "outbox", "api", "sync"].map(load),
  );
  const P = { on: true, plan: [], held: [], sent: {}, given: [], made: [], day: null };
  window.P = P;

  const send = async (url, init) => {
    if (!P.on) throw new TypeError("no line");
    const fault = init.method === "GET" ? "ok" : P.plan.shift() || "ok";
    const real = () => fetch(url, { ...init, signal: undefined });
    if (url.endsWith("push")) for (const op of JSON.parse(init.body).ops) P.sent[op.op_id] = op;
    if (fault === "before") throw new TypeError("cut");
    if (fault === "late") {
      P.held.push([url, init]);
      throw new TypeError("on the way");
    }
    if (fault === "twice") {
      const [answer] = await Promise.all([real(), real()]);
      return answer;
    }
    const answer = await real();
    if (fault === "after") {
      await answer.text();
      throw new TypeError("answer lost");
    }
    return answer;
  };

  // What was on the way arrives after all, the last first; nobody hears the answer.
  P.arrive = async () => {
    for (const [url, init] of P.held.splice(0).reverse()) await (await fetch(url, { ...init, signal: undefined })).text();
  };

  P.start = async (name, username, password) => {
    Object.assign(P, { name, username, password, on: true, plan: [], held: [], sent: {}, given: [], made: [] });
    P.store = await openStore(name);
    P.guard = new Guard(P.store);
    await P.signOn();
  };

  P.signOn = async () => {
    if (P.box) return;
    const page = new DOMParser().parseFromString(await (await fetch("/sign-in")).text(), "text/html");
    const token = page.querySelector("[name=csrf_token]");
    const form = new URLSearchParams({ username: P.username, password: P.password, csrf_token: token ? token.value : "" });
    await fetch("/sign-in", { method: "POST", body: form, redirect: "manual" });
    P.api = new Api({ send });
    P.on = true;
    P.plan = [];
    await P.api.hello();
    const answer = await P.api.post("device", { known: await P.guard.known(), label: P.name });
    P.take(await P.guard.open(answer.device, answer.secret));
    await P.refresh();
  };

  P.take = (box) => {
    P.box = box;
    P.api.device = box.uid;
    P.outbox = new Outbox(box, P.username);
    P.sync = new Sync({ api: P.api, box, outbox: P.outbox });
  };

  P.refresh = async () => {
    P.day = await P.api.post("day", {});
    await P.box.put("day", "today", P.day);
  };

  // Switched off and on: nothing but what lies in the store is left.
  P.restart = async () => {
    P.store.close();
    P.store = await openStore(P.name);
    P.guard = new Guard(P.store);
    const box = await P.guard.box();
    if (!box) throw new Error("locked by a restart");
    P.api = new Api({ send });
    P.take(box);
    P.day = await box.get("day", "today");
  };

  P.signOut = async () => {
    P.plan = [];
    P.on = true;
    await P.guard.lock();
    await P.api.post("leave", {});
    P.box = P.day = null;
  };

  const noted = (marker, kind) => P.made.push({ marker, kind });

  P.write = async (marker) => {
    noted(marker, "log");
    await P.outbox.add({ kind: "create", thing: "grid_log", title: "log", about: marker, inputs: { grid: P.day.log.grids[0][0], duty: "service", kind: "walk", what: marker, minutes: 10 } });
  };

  P.review = async (marker, field, value) => {
    const entry = P.day.care[0];
    const waiting = (await P.outbox.open()).filter((op) => op.kind === "review" && op.state === "waiting");
    const seen = waiting.reduce((values, op) => ({ ...values, ...op.inputs }), { ...entry.values });
    noted(marker, "review");
    await P.outbox.add({ kind: "review", thing: String(entry.id), verb: "review", title: "review", about: marker, inputs: { ...seen, [field]: value }, seen });
  };

  P.step = async (marker, which, verb, inputs) => {
    const all = [...P.day.errands, ...P.day.board];
    if (!all.length) return;
    const thing = all[which % all.length];
    noted(marker, "step");
    await P.outbox.add({ kind: "step", thing: thing.uid, verb, title: verb, about: marker, inputs, base: thing.version });
  };

  P.hand = async () => {
    try {
      await P.sync.run();
      if (P.on) await P.refresh();
      return "ok";
    } catch (trouble) {
      if (trouble instanceof Offline) return "offline";
      if (trouble instanceof Refused) return trouble.slug || String(trouble.status);
      throw trouble;
    }
  };

  // A person settles what clashed and what was refused: now this way, now that.
  P.settle = async (stubborn) => {
    let settled = 0;
    for (const op of await P.outbox.open()) {
      if (op.state === "waiting" || !(await P.outbox.get(op.op_id))) continue;
      settled += 1;
      const clash = op.conflict;
      if (stubborn && clash && clash.fields) {
        const chosen = Object.fromEntries(clash.fields.map((one) => [one.field, one.mine]));
        const kept = Object.fromEntries(Object.entries(op.inputs).map(([name, value]) => [name, String(value) === String(op.seen[name] ?? "") ? clash.now[name] : value]));
        await P.outbox.again(op, { inputs: { ...kept, ...chosen }, seen: clash.now });
      } else if (stubborn && clash && clash.open) await P.outbox.again(op, { base: clash.version });
      else {
        const gone = new Set();
        const mark = (one, all) => {
          gone.add(one.about);
          for (const other of all) if (other.after.includes(one.op_id)) mark(other, all);
        };
        mark(op, await P.outbox.open());
        P.given.push(...gone);
        await P.outbox.giveUp(op);
      }
    }
    return settled;
  };

  P.do = async (commands) => {
    const said = [];
    for (const [name, ...rest] of commands) said.push(name === "net" ? ((P.on = rest[0]), null) : name === "faults" ? ((P.plan = rest[0]), null) : await P[name](...rest));
    return said;
  };

  P.end = async () => {
    const open = await P.outbox.open();
    const done = (await P.outbox.list()).filter((op) => op.state === "done").map((op) => op.about);
    return { open: open.map((op) => [op.about, op.state, op.sentence]), done, given: P.given, made: P.made, sent: P.sent };
  };
  return true;
}
