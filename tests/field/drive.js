// Drives the real modules of the field app as one phone of a history, with a line that cuts, repeats, delays and loses answers.
async () => {
  const load = (name) => import(`/static/field/${name}.js`);
  const [{ openStore }, { Guard }, { Outbox }, { Api, Offline, Refused }, { Sync }, { hashOf }] = await Promise.all(
    ["store", "guard", "outbox", "api", "sync", "pictures"].map(load),
  );
  const P = { skew: 0 };
  window.P = P;
  // The clock of this phone says what it says: today, 1970 or 2050.
  const RealDate = (window.RealDate ??= Date);
  window.Date = class extends RealDate {
    constructor(...given) {
      if (given.length) super(...given);
      else super(RealDate.now() + P.skew);
    }

    static now() {
      return RealDate.now() + P.skew;
    }
  };

  const send = async (url, init) => {
    if (!P.on) throw new TypeError("no line");
    const fault = init.method === "GET" ? "ok" : P.plan.shift() || "ok";
    const real = () => fetch(url, { ...init, signal: undefined });
    if (url.endsWith("push")) for (const op of JSON.parse(init.body).ops) P.sent[op.op_id] = { ...op, marker: P.names[op.op_id] };
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

  const empty = async (name, skew) => {
    Object.assign(P, { name, skew, on: true, plan: [], held: [], sent: {}, names: {}, given: [], lost: [], made: [], day: null, box: null, uid: "", left: [], wiped: false });
    P.store = await openStore(name);
    P.guard = new Guard(P.store);
  };

  // The first sign-in of this phone; every history begins with the key that it brought.
  P.start = async (name, username, password, pictures) => {
    Object.assign(P, { username, password, pictures: [] });
    for (const one of pictures) {
      const bytes = Uint8Array.from(atob(one), (letter) => letter.charCodeAt(0));
      P.pictures.push({ bytes, size: bytes.length, sha256: await hashOf(bytes) });
    }
    await empty(name, 0);
    P.first = await P.signOn();
  };

  P.begin = async (name, skew) => {
    await empty(name, skew);
    P.api = new Api({ send });
    P.uid = P.first.device.uid;
    P.take(await P.guard.open(P.first.device, P.first.secret));
    await P.refresh();
  };

  P.forget = () => {
    P.store.close();
    indexedDB.deleteDatabase(P.name);
    P.box = P.day = null;
  };

  // The password, on the page where everybody types it.
  P.typePassword = async () => {
    const page = new DOMParser().parseFromString(await (await fetch("/sign-in")).text(), "text/html");
    const token = page.querySelector("[name=csrf_token]");
    const form = new URLSearchParams({ username: P.username, password: P.password, csrf_token: token ? token.value : "" });
    await fetch("/sign-in", { method: "POST", body: form, redirect: "manual" });
  };

  // Typed again while the phone was never locked: it goes on where it was.
  P.signIn = async () => {
    P.on = true;
    P.plan = [];
    await P.typePassword();
    return P.hand();
  };

  P.signOn = async () => {
    if (P.box) return null;
    P.api = new Api({ send });
    P.on = true;
    P.plan = [];
    // Whoever is still signed in here is signed out first: only a password opens a locked phone.
    await leave();
    await P.typePassword();
    await P.api.hello();
    const answer = await P.api.post("device", { known: await P.guard.known(), label: P.name });
    // Reported lost while it lay locked: what was sealed under the old secret nobody reads again.
    if (P.uid && P.uid !== answer.device.uid) {
      P.lost.push(...P.left);
      P.wiped = true;
    }
    P.uid = answer.device.uid;
    P.take(await P.guard.open(answer.device, answer.secret));
    await P.refresh();
    return answer;
  };

  P.take = (box) => {
    P.box = box;
    P.api.device = box.uid;
    P.outbox = new Outbox(box, P.username);
    for (const name of ["add", "again"]) {
      const real = P.outbox[name].bind(P.outbox);
      P.outbox[name] = async (...given) => {
        const op = await real(...given);
        P.names[op.op_id] = op.about;
        return op;
      };
    }
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

  const leave = async () => {
    try {
      await P.api.post("leave", {});
    } catch (alreadyOut) {
      if (!(alreadyOut instanceof Refused)) throw alreadyOut;
    }
  };

  const waiting = async () => (await P.outbox.open()).map((op) => op.about);

  P.signOut = async () => {
    P.left = await waiting();
    P.plan = [];
    P.on = true;
    await P.guard.lock();
    await leave();
    P.box = P.day = null;
  };

  // Nobody touched it for longer than was set: the next look takes the key.
  P.idle = async () => {
    P.left = await waiting();
    await P.store.setMeta("seen", Date.now() - 121 * 60000);
    if (await P.guard.box()) throw new Error("an idle phone kept its key");
    P.plan = [];
    P.on = true;
    await leave();
    P.box = P.day = null;
  };

  const add = async (marker, kind, op) => {
    P.made.push({ marker, kind });
    await P.outbox.add({ title: kind, about: marker, ...op });
  };

  P.write = (marker, picture) => {
    const photo = P.pictures[picture];
    const inputs = { grid: P.day.log.grids[0][0], duty: "service", kind: "walk", what: marker, minutes: 10, ...(photo ? { photo: `blob:${photo.sha256}` } : {}) };
    return add(marker, "log", { kind: "create", thing: "grid_log", inputs, photos: photo ? [{ ...photo, name: "photo" }] : [] });
  };

  P.review = async (marker, field, value) => {
    const entry = P.day.care[0];
    const waiting = (await P.outbox.open()).filter((op) => op.kind === "review" && op.state === "waiting");
    const seen = waiting.reduce((values, op) => ({ ...values, ...op.inputs }), { ...entry.values });
    await add(marker, "review", { kind: "review", thing: String(entry.id), verb: "review", inputs: { ...seen, [field]: value }, seen });
  };

  const step = (marker, thing, verb, inputs) => {
    const photos = [];
    const named = (number, name) => {
      photos.push({ ...P.pictures[number], name });
      return `blob:${P.pictures[number].sha256}`;
    };
    const given = { ...inputs };
    if (given.photos) given.photos = given.photos.map((number) => named(number, "photos"));
    if ("signature" in given) given.signature = named(given.signature, "signature");
    return add(marker, "step", { kind: "step", thing: thing.uid, verb, inputs: given, base: thing.version, photos });
  };

  P.step = async (marker, which, verb, inputs) => {
    const all = [...P.day.errands, ...P.day.board];
    if (all.length) await step(marker, all[which % all.length], verb, inputs);
  };

  P.visit = async (marker, uid, verb, inputs) => {
    const thing = P.day.visits.find((one) => one.uid === uid);
    if (thing) await step(marker, thing, verb, inputs);
  };

  // As the app does it: a phone that hears it was signed out from afar locks, one reported lost destroys what it holds.
  P.hand = async (fetch = true) => {
    try {
      await P.sync.run();
      if (P.on && fetch) await P.refresh();
      return "ok";
    } catch (trouble) {
      if (trouble instanceof Offline) return "offline";
      if (!(trouble instanceof Refused)) throw trouble;
      const slug = trouble.slug || String(trouble.status);
      if (slug === "device-lost") {
        P.left = await waiting();
        await P.guard.wipe();
        P.box = P.day = null;
      }
      if (slug === "device-closed" || slug === "device-unknown") {
        P.left = await waiting();
        await P.guard.lock();
        P.box = P.day = null;
      }
      return slug === "401" ? "sign-in" : slug;
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

  // How the store stands, as it lies there sealed; and put back so.
  P.keep = async () => {
    P.kept = await new Promise((resolve) => { const asked = P.store.db.transaction("records").objectStore("records").getAll(); asked.onsuccess = () => resolve(asked.result); });
  };

  P.back = async () => {
    const now = await new Promise((resolve) => { const asked = P.store.db.transaction("records").objectStore("records").getAllKeys(); asked.onsuccess = () => resolve(asked.result); });
    await P.store.change(P.kept, now.filter((id) => !P.kept.some((record) => record.id === id)));
    Object.assign(P, { on: true, plan: [], held: [] });
    P.api.csrf = "";
    P.take(P.box);
  };

  P.do = async (commands) => {
    const said = [];
    for (const [name, ...rest] of commands) said.push(name === "net" ? ((P.on = rest[0]), null) : name === "faults" ? ((P.plan = rest[0]), null) : await P[name](...rest));
    return said;
  };

  P.end = async () => {
    const open = await P.outbox.open();
    const done = (await P.outbox.list()).filter((op) => op.state === "done").map((op) => op.about);
    return { open: open.map((op) => [op.about, op.state, op.sentence]), done, given: P.given, lost: P.lost, wiped: P.wiped, made: P.made, sent: P.sent };
  };
  return true;
}
