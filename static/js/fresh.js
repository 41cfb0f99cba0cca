// True the first time an element is met, so that starting the page twice binds nothing twice.
const met = new WeakSet();

export function fresh(element) {
  if (met.has(element)) return false;
  met.add(element);
  return true;
}
