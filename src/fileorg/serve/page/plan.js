// A plan as columns (report/plan_columns.py): frames as they came, and names that are decoded only when they are shown.

import { Folders, join } from "./folders.js";
import { bytesOf } from "./shown.js";

const FORM = "fileorg plan columns";
/** @type {[string, any, number][]} */
const COLUMNS = [
  ["size", Float64Array, 8], ["from", Uint32Array, 4], ["to", Uint32Array, 4], ["nameEnd", Uint32Array, 4],
  ["together", Uint32Array, 4], ["action", Uint16Array, 2], ["category", Uint16Array, 2],
];
const decoder = new TextDecoder();
const padded = (/** @type {number} */ size) => size + (-size & 7);

/** @param {any[]} list */
function pairs(list) {
  const found = new Map();
  for (let at = 0; at < list.length; at += 2) found.set(list[at], list[at + 1]);
  return found;
}

/**
 * Yield each frame in a buffer of its own. Throws if the stream ends inside one.
 * @param {ReadableStream<Uint8Array>} stream
 */
async function* framesOf(stream) {
  // The browser writes into the buffer that stays: there is no second copy of the plan.
  const reader = stream.getReader({ mode: "byob" });
  /** @param {number} size */
  async function take(size) {
    let whole = new Uint8Array(size);
    for (let have = 0; have < size;) {
      const { done, value } = await reader.read(whole.subarray(have));
      if (done) return null;
      whole = new Uint8Array(value.buffer);
      have += value.length;
    }
    return whole;
  }
  for (let head = await take(16); head; head = await take(16)) {
    const [rows, text, names] = new Uint32Array(head.buffer);
    const size = COLUMNS.reduce((sum, [, , bytes]) => sum + padded(rows * bytes), padded(text) + padded(names));
    const whole = await take(size);
    if (!whole) throw new Error("the plan is incomplete");
    /** @type {Record<string, any>} */
    const columns = {};
    let from = padded(text);
    for (const [name, Type, bytes] of COLUMNS) {
      columns[name] = new Type(whole.buffer, from, rows);
      from += padded(rows * bytes);
    }
    yield { rows, about: JSON.parse(decoder.decode(whole.subarray(0, text))), columns, names: whole.subarray(from, from + names) };
  }
}

/** The rows of a plan. `before` and `target` are the folders of each row, as nodes of `folders`. */
export class Plan {
  length = 0;
  folders = new Folders();
  words = [""];
  before = new Uint32Array(0);
  target = new Uint32Array(0);
  /** One byte per row: 1 if it is skipped, and stays where it is. */
  skipped = new Uint8Array(0);
  /** @type {any[]} */
  frames = [];
  #starts = [0];
  /** @type {number[]} */
  #nodes = [0];

  /** @param {ReadableStream<Uint8Array>} stream */
  static async read(stream) {
    const plan = new Plan();
    let isWhole = false;
    for await (const { rows, about, columns, names } of framesOf(stream)) {
      if (about.form) {
        if (about.form !== FORM || about.version !== 1) throw new Error("the plan was written by another version of fileorg");
        plan.#setRoots(about.roots);
      } else if (rows) plan.#add(rows, about, columns, names);
      else isWhole = about.rows === plan.length;
    }
    if (!isWhole) throw new Error("the plan is incomplete");
    return plan;
  }

  /** @type {string[]} */
  roots = [];

  /** @param {string[][]} roots as shown, and their bytes in base 64 */
  #setRoots(roots) {
    for (const [shown, raw] of roots) {
      const bytes = bytesOf(raw);
      const node = this.folders.node(shown, "");
      if (decoder.decode(bytes) !== shown) this.folders.keepBytes(node, bytes);
    }
    this.roots = roots.map(([shown]) => shown);
  }

  /** @param {number} rows @param {any} about @param {any} columns @param {Uint8Array} names */
  #add(rows, about, columns, names) {
    for (const [base, path, raw] of about.folders) {
      const node = this.folders.node(this.roots[base], path);
      if (raw) this.folders.keepBytes(node, bytesOf(raw));
      this.#nodes.push(node);
    }
    this.words.push(...about.words);
    const start = this.length;
    this.#makeRoom(start + rows);
    for (let at = 0; at < rows; at++) {
      this.before[start + at] = this.#nodes[columns.from[at]];
      this.target[start + at] = this.#nodes[columns.to[at]];
    }
    const reasons = pairs(about.reasons);
    for (const at of reasons.keys()) this.skipped[start + at] = 1;
    const { size, nameEnd, together, action, category } = columns;
    this.frames.push({
      size, nameEnd, together, action, category, names, reasons, newNames: pairs(about.newNames), keepers: pairs(about.keepers),
    });
    this.length += rows;
    this.#starts.push(this.length);
  }

  /** @param {number} needed */
  #makeRoom(needed) {
    if (needed <= this.before.length) return;
    const room = Math.max(needed, Math.ceil(this.before.length * 1.5));
    for (const [name, Type] of /** @type {[string, any][]} */ ([["before", Uint32Array], ["target", Uint32Array], ["skipped", Uint8Array]])) {
      const wider = new Type(room);
      wider.set(/** @type {any} */ (this)[name]);
      /** @type {any} */ (this)[name] = wider;
    }
  }

  /** Return the frame of a row and the place in it. @param {number} row @returns {[any, number]} */
  at(row) {
    let [low, high] = [0, this.frames.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.#starts[middle] <= row) low = middle;
      else high = middle;
    }
    return [this.frames[low], row - this.#starts[low]];
  }

  /** Return the bytes of a name as it is shown. @param {number} row @returns {Uint8Array} */
  bytes(row) {
    const [frame, at] = this.at(row);
    return frame.names.subarray(at ? frame.nameEnd[at - 1] : 0, frame.nameEnd[at]);
  }

  /** @param {number} row */
  name(row) {
    return decoder.decode(this.bytes(row));
  }

  /** Return the name that a row gives. @param {number} row @returns {string} */
  newName(row) {
    const [frame, at] = this.at(row);
    return frame.newNames.get(at) ?? this.name(row);
  }

  /** @param {number} row @returns {string} */
  reason(row) {
    const [frame, at] = this.at(row);
    return frame.reasons.get(at) ?? "";
  }

  /** Return the path of the file that is kept in place of a duplicate, "" for other rows. @param {number} row */
  keeper(row) {
    const [frame, at] = this.at(row);
    const found = frame.keepers.get(at);
    return found ? join(this.folders.path(this.#nodes[found[0]]), found[1]) : "";
  }

  /** @param {number} row @returns {number} */
  size(row) {
    const [frame, at] = this.at(row);
    return frame.size[at];
  }

  /** @param {number} row */
  action(row) {
    const [frame, at] = this.at(row);
    return this.words[frame.action[at]];
  }

  /** @param {number} row */
  category(row) {
    const [frame, at] = this.at(row);
    return this.words[frame.category[at]];
  }

  /** Return all rows that are done with this one as a whole, itself included. @param {number} row @returns {number[]} */
  group(row) {
    const [frame, at] = this.at(row);
    const number = frame.together[at];
    if (!number) return [row];
    let [first, end] = [at, at + 1];
    while (first && frame.together[first - 1] === number) first--;
    while (end < frame.together.length && frame.together[end] === number) end++;
    return Array.from({ length: end - first }, (_, each) => row - at + first + each);
  }
}
