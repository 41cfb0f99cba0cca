// The signed claim of a square code (COSE_Sign1, ES256), read and checked with what every browser brings along.
const KEY_ID = 4;
const ALGORITHM = 1;
const ES256 = -7;
const NAMES = { 1: "kind", 2: "number", 3: "date", 4: "name", 5: "agency", 6: "until" };
const DAY = 86400000;

// The secret code and the digits of an address such as /verify/CODE#DIGITS; null when there is no claim in it.
export function parts(text) {
  const found = /\/verify\/([A-Za-z0-9_-]{16,22})[^#]*#([0-9]{20,1200})$/.exec(String(text).trim());
  return found ? { code: found[1], digits: found[2] } : null;
}

// { state: good | bad | stranger | revoked | cannot, facts }
export async function check(code, digits, keys) {
  if (!globalThis.crypto || !crypto.subtle) return { state: "cannot" };
  let held;
  try {
    held = opened(digits);
  } catch (trouble) {
    return { state: "bad" };
  }
  const key = keys.find((one) => one.kid === hex(held.header.get(KEY_ID)));
  if (!key || held.header.get(ALGORITHM) !== ES256) return { state: "stranger" };
  const signed = joined(
    new Uint8Array([0x84]), textBytes("Signature1"), byteString(held.protected), byteString(new TextEncoder().encode(code)), byteString(held.payload),
  );
  try {
    const jwk = { kty: "EC", crv: "P-256", x: key.x, y: key.y };
    const ready = await crypto.subtle.importKey("jwk", jwk, { name: "ECDSA", namedCurve: "P-256" }, false, ["verify"]);
    const good = await crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, ready, held.signature, signed);
    if (!good) return { state: "bad" };
  } catch (trouble) {
    return { state: "cannot" };
  }
  const facts = {};
  for (const [label, value] of held.claims) if (NAMES[label]) facts[NAMES[label]] = value;
  for (const name of ["date", "until"]) if (name in facts) facts[name] = new Date(facts[name] * DAY);
  return { state: key.revoked ? "revoked" : "good", facts };
}

export function chinese(day) {
  return `${day.getUTCFullYear()}年${day.getUTCMonth() + 1}月${day.getUTCDate()}日`;
}

function opened(digits) {
  let text = BigInt(digits).toString(16);
  if (text.length % 2) text = `0${text}`;
  const raw = Uint8Array.from(text.match(/../g), (two) => parseInt(two, 16));
  if (raw[0] !== 1) throw new Error("cut short");
  const [protectedBytes, , payload, signature] = decode(raw.subarray(1));
  const header = decode(protectedBytes);
  const claims = decode(payload);
  if (!(header instanceof Map) || !(claims instanceof Map) || signature.length !== 64) throw new Error("not a claim");
  return { protected: protectedBytes, header, payload, claims, signature };
}

// As much of CBOR as a claim holds: numbers, bytes, text, rows and maps of definite length.
function decode(bytes) {
  let at = 0;
  const value = () => {
    const first = bytes[at++];
    const kind = first >> 5;
    let size = first & 31;
    if (size > 27) throw new Error("not a claim");
    if (size > 23) {
      const count = 1 << (size - 24);
      size = 0;
      for (let i = 0; i < count; i += 1) size = size * 256 + bytes[at++];
    }
    if (!Number.isSafeInteger(size) || size > 1e9) throw new Error("not a claim");
    if (kind === 0) return size;
    if (kind === 1) return -1 - size;
    if (kind === 2 || kind === 3) {
      if (at + size > bytes.length) throw new Error("cut short");
      const part = bytes.subarray(at, (at += size));
      return kind === 2 ? part : new TextDecoder("utf-8", { fatal: true }).decode(part);
    }
    if (size > 40) throw new Error("not a claim");
    if (kind === 4) return Array.from({ length: size }, value);
    if (kind === 5) return new Map(Array.from({ length: size }, () => [value(), value()]));
    throw new Error("not a claim");
  };
  const whole = value();
  if (at !== bytes.length) throw new Error("more than a claim");
  return whole;
}

function head(kind, size) {
  if (size < 24) return new Uint8Array([(kind << 5) | size]);
  if (size < 256) return new Uint8Array([(kind << 5) | 24, size]);
  return new Uint8Array([(kind << 5) | 25, size >> 8, size & 255]);
}

function byteString(bytes) {
  return joined(head(2, bytes.length), bytes);
}

function textBytes(text) {
  const bytes = new TextEncoder().encode(text);
  return joined(head(3, bytes.length), bytes);
}

function joined(...arrays) {
  const whole = new Uint8Array(arrays.reduce((sum, one) => sum + one.length, 0));
  let at = 0;
  for (const one of arrays) {
    whole.set(one, at);
    at += one.length;
  }
  return whole;
}

function hex(bytes) {
  return bytes instanceof Uint8Array ? Array.from(bytes, (one) => one.toString(16).padStart(2, "0")).join("") : "";
}
