// Values that tell who read them, and elements whose parts follow values.
import { shown } from "./shown.js";
/** @typedef {{sources: Set<Set<Reader>>, parts: Reader[], isOver: boolean, run: () => void, ended?: any}} Reader */

const SVG = "http://www.w3.org/2000/svg";
let reading = /** @type {Reader | null} */ (null);

/** Return a value that effects follow. @template T @param {T} value @returns {{value: T, peek: () => T}} */
export function signal(value) {
  const readers = /** @type {Set<Reader>} */ (new Set());
  return {
    get value() {
      if (reading) reading.sources.add(readers.add(reading));
      return value;
    },
    set value(next) {
      if (Object.is(next, value)) return;
      value = next;
      for (const reader of [...readers]) if (!reader.isOver) reader.run();
    },
    peek: () => value,
  };
}
/** Run now, and again when a value changes that was read; what it returns is called before. @param {() => any} work */
export function effect(work) {
  const self = /** @type {Reader} */ ({ sources: new Set(), parts: [], isOver: false, run });
  reading?.parts.push(self);
  function run() {
    clear(self);
    const before = reading;
    reading = self;
    try { self.ended = work(); } finally { reading = before; }
  }
  run();
}

/** @param {Reader} reader */
function clear(reader, isOver = false) {
  reader.isOver = isOver;
  if (typeof reader.ended === "function") reader.ended();
  reader.sources.forEach((readers) => readers.delete(reader));
  reader.sources.clear();
  for (const part of reader.parts.splice(0)) clear(part, true);
}
/** Return an element. A function as a fact or a child follows the values that it reads. Text is never HTML.
 * @param {string} tag @param {Record<string, any>} [facts] attributes, `.properties`, and listeners that begin with "on"
 * @param {...any} children @returns {any} */
export function h(tag, facts = {}, ...children) {
  const made = tag.startsWith("svg:") ? document.createElementNS(SVG, tag.slice(4)) : document.createElement(tag);
  for (const [name, fact] of Object.entries(facts)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), fact);
    else if (typeof fact === "function") effect(() => { put(made, name, fact()); });
    else put(made, name, fact);
  }
  made.append(...present(children).map((child) => (typeof child === "function" ? following(child) : child)));
  return made;
}

const present = (/** @type {any} */ children) => [children].flat(9).filter((child) => child !== null && child !== undefined && child !== false)
  .map((child) => (typeof child === "string" ? shown(child) : child));

/** @param {any} made @param {string} name @param {any} fact */
function put(made, name, fact) {
  if (name.startsWith(".")) made[name.slice(1)] = fact;
  else if (fact === false || fact === null || fact === undefined) made.removeAttribute(name);
  else made.setAttribute(name, fact === true ? "" : /^(alt|title|aria-label)$/.test(name) ? shown(fact) : fact);
}

/** @param {() => any} child */
function following(child) {
  const [fragment, start, stop] = [new DocumentFragment(), new Comment(), new Comment()];
  fragment.append(start, stop);
  effect(() => {
    const found = present(child());
    for (; start.nextSibling !== stop; start.nextSibling?.remove());
    stop.before(...found);
  });
  return fragment;
}
