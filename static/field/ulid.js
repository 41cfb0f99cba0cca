// A name for each thing done, made on the phone. Only its being different counts; its time is as right as the phone's clock.
const LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

export function ulid(at = Date.now()) {
  let time = Math.max(0, Math.min(at, 2 ** 48 - 1));
  let head = "";
  for (let place = 0; place < 10; place += 1) {
    head = LETTERS[time % 32] + head;
    time = Math.floor(time / 32);
  }
  const random = crypto.getRandomValues(new Uint8Array(16));
  return head + Array.from(random, (one) => LETTERS[one % 32]).join("");
}
