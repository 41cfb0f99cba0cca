// What is heavy waits until the hands rest: to ask for it costs a key nothing, and it is done once for all keys before.
const MOST_IDLE = 300;
const idle = window.requestIdleCallback
  ? (work) => window.requestIdleCallback(work, { timeout: MOST_IDLE })
  : (work) => setTimeout(work);

// `work` runs in a pause of `pause` ms, or after `most` ms of going on without one.
export function whenResting(work, pause, most = Infinity) {
  let timer = 0;
  let since = 0;
  let last = 0;

  function look() {
    const left = Math.min(last + pause, since + most) - performance.now();
    timer = left > 1 ? setTimeout(look, left) : 0;
    if (!timer) idle(run);
  }
  function run() {
    clearTimeout(timer);
    timer = 0;
    if (!since) return;
    since = 0;
    work();
  }
  function soon() {
    last = performance.now();
    since ||= last;
    timer ||= setTimeout(look, pause);
  }
  // Somebody leaves the page: what waits is done at once.
  soon.now = run;
  soon.waits = () => since > 0;
  soon.forget = () => {
    clearTimeout(timer);
    timer = 0;
    since = 0;
  };
  return soon;
}

// After the key that was pressed has been drawn; a page in the background draws nothing and goes on all the same.
export function drawn() {
  return new Promise((done) => {
    const late = setTimeout(done, 100);
    requestAnimationFrame(() => {
      clearTimeout(late);
      setTimeout(done);
    });
  });
}
