// Folders as numbered nodes, and the rows of a plan in them as a tree: a visible row is found by prefix sums.

import { base64Of } from "./shown.js";

const FEW = 24;
const BYTES = 257;
const SLASH = 47;

/** @param {string} folder @param {string} name */
export const join = (folder, name) => `${folder.replace(/\/$/, "")}/${name}`;

/** Folders, each a number. 0 is none. */
export class Folders {
  parent = [0];
  names = [""];
  /** @type {number[][]} */
  children = [[]];
  /** @type {number[]} */
  tops = [];
  #byPath = new Map();
  /** @type {Map<number, Uint8Array>} */
  #bytes = new Map();

  /** Return the node of a folder, made with those above it. @param {string} root @param {string} path */
  node(root, path) {
    const key = path ? `${root}\0${path}` : root;
    let node = this.#byPath.get(key);
    if (node === undefined) {
      const slash = path.lastIndexOf("/");
      const parent = path ? this.node(root, path.slice(0, Math.max(slash, 0))) : 0;
      node = this.names.push(path ? path.slice(slash + 1) : root) - 1;
      this.parent.push(parent);
      this.children.push([]);
      (parent ? this.children[parent] : this.tops).push(node);
      this.#byPath.set(key, node);
    }
    return node;
  }

  get length() {
    return this.names.length;
  }

  /** Return the path of a folder as shown. @param {number} node @returns {string} */
  path(node) {
    const parent = this.parent[node];
    return parent ? join(this.path(parent), this.names[node]) : this.names[node];
  }

  /** Return the path below its root, empty for the root itself. @param {number} node @returns {string} */
  below(node) {
    const parent = this.parent[node];
    return parent ? [this.below(parent), this.names[node]].filter(Boolean).join("/") : "";
  }

  /** Return the root of a folder as shown. @param {number} node @returns {string} */
  root(node) {
    return this.parent[node] ? this.root(this.parent[node]) : this.names[node];
  }

  /** Keep the bytes of a folder that is not shown as it is, and of those above it. @param {number} node @param {Uint8Array} bytes */
  keepBytes(node, bytes) {
    for (let each = node; each && !this.#bytes.has(each); each = this.parent[each]) {
      this.#bytes.set(each, bytes);
      bytes = bytes.subarray(0, Math.max(bytes.lastIndexOf(SLASH), 0));
      if (!this.parent[this.parent[each]]) break; // the root has its own
    }
  }

  /** Return a folder as the API takes it. @param {number} node */
  place(node) {
    let root = node;
    while (this.parent[root]) root = this.parent[root];
    const [own, ofRoot] = [this.#bytes.get(node), this.#bytes.get(root)];
    if (!own && !ofRoot) return { path: this.path(node) };
    const encoder = new TextEncoder();
    const parts = [ofRoot ?? encoder.encode(this.names[root]), ...(node === root ? [] : [new Uint8Array([SLASH]), own ?? encoder.encode(this.below(node))])];
    return { path_b64: base64Of(Uint8Array.from(parts.flatMap((each) => [...each]))) };
  }
}

/** One side of a plan, before or after, as a tree. */
export class Tree {
  /** @type {Set<number>} */
  open = new Set();
  /** The number of visible rows. */
  length = 0;
  files = new Uint32Array(0);
  sizes = new Float64Array(0);
  /** How many of the files stay where they are. */
  staying = new Uint32Array(0);
  rows = new Uint32Array(0);
  #starts = new Uint32Array(1);
  /** @type {Set<number>} */
  #sorted = new Set();
  /** Where each segment of visible rows begins: a folder, or the files of a folder. */
  #segments = [0];
  #nodes = [0];
  #levels = [0];
  #isFiles = [false];
  /** @type {number[]} */
  #firsts = [];

  /**
   * @param {import("./plan.js").Plan} plan @param {Uint32Array} folderOf the node of each row, 0 for a row that is not shown
   * @param {Uint8Array} stays 1 for each row that stays where it is
   * @param {Map<number, number>} [removed] rows that stand for folders, by their nodes; each counts as a file in its folder
   */
  constructor(plan, folderOf, stays, removed = new Map()) {
    this.removed = removed;
    this.plan = plan;
    this.folderOf = folderOf;
    this.stays = stays;
    this.refresh();
    for (const top of this.tops) this.open.add(top);
    this.layOut();
  }

  /** The roots that have something to show. */
  get tops() {
    return this.plan.folders.tops.filter((node) => this.files[node]);
  }

  /** Take the rows anew, after `folderOf` has changed. @param {Set<number>} [touched] the nodes of which it has; all if not given */
  refresh(touched) {
    const { plan, folderOf, rows: old } = this;
    const { folders } = plan;
    const [oldStarts, kept] = [this.#starts, touched ? [...this.#sorted].filter((node) => !touched.has(node)) : []];
    const starts = new Uint32Array(folders.length + 1);
    const sizes = new Float64Array(folders.length);
    let row = 0;
    for (const { size } of plan.frames) {
      for (let at = 0; at < size.length; at++, row++) {
        const node = folderOf[row];
        starts[node + 1]++;
        sizes[node] += size[at];
      }
    }
    this.#starts = starts;
    for (let node = 0; node < folders.length; node++) starts[node + 1] += starts[node];
    const next = starts.slice();
    const rows = new Uint32Array(plan.length);
    for (row = 0; row < plan.length; row++) rows[next[folderOf[row]]++] = row;
    for (const node of kept) rows.set(old.subarray(oldStarts[node], oldStarts[node + 1]), starts[node]);
    const files = new Uint32Array(folders.length);
    for (const node of this.removed.keys()) files[node] = 1;
    // A folder has a higher number than the one above it.
    for (let node = folders.length - 1; node > 0; node--) {
      files[node] += starts[node + 1] - starts[node];
      files[folders.parent[node]] += files[node];
      sizes[folders.parent[node]] += sizes[node];
    }
    [this.files, this.sizes, this.rows, this.#sorted] = [files, sizes, rows, new Set(kept)];
    this.recount();
    this.layOut();
  }

  /** Count anew how many files stay, after `stays` has changed. */
  recount() {
    const { parent } = this.plan.folders;
    const staying = new Uint32Array(this.files.length);
    for (let row = 0; row < this.plan.length; row++) staying[this.folderOf[row]] += this.stays[row];
    for (const [node, row] of this.removed) staying[node] += this.stays[row];
    for (let node = staying.length - 1; node > 0; node--) staying[parent[node]] += staying[node];
    this.staying = staying;
  }

  /** Return the folders in a folder, or the roots for 0, that have something to show. @param {number} node */
  folders(node) {
    const { folders } = this.plan;
    const found = (node ? folders.children[node] : folders.tops).filter((each) => this.files[each]);
    return found.sort((a, b) => (folders.names[a] < folders.names[b] ? -1 : 1));
  }

  /** Compute the segments of visible rows. */
  layOut() {
    const segments = [0];
    /** @type {number[]} */
    const nodes = [];
    /** @type {number[]} */
    const levels = [];
    /** @type {boolean[]} */
    const isFiles = [];
    /** @type {number[]} */
    const firsts = [];
    const add = (/** @type {number} */ node, /** @type {number} */ level, /** @type {boolean} */ files, /** @type {number} */ count) => {
      nodes.push(node);
      levels.push(level);
      isFiles.push(files);
      if (!files) firsts[node] = segments[segments.length - 1];
      segments.push(segments[segments.length - 1] + count);
    };
    /** @type {[number, number, boolean][]} */
    const waiting = this.folders(0).reverse().map((node) => [node, 1, false]);
    for (let each = waiting.pop(); each; each = waiting.pop()) {
      const [node, level, files] = each;
      const own = this.#starts[node + 1] - this.#starts[node];
      add(node, level, files, files ? own : 1);
      if (files || !this.open.has(node)) continue;
      if (own) waiting.push([node, level + 1, true]);
      for (const child of this.folders(node).reverse()) waiting.push([child, level + 1, false]);
    }
    [this.#segments, this.#nodes, this.#levels, this.#isFiles, this.#firsts] = [segments, nodes, levels, isFiles, firsts];
    this.length = segments[segments.length - 1];
  }

  /**
   * Return what is visible at a position: a folder, or a file of it, which has a `row`.
   * @param {number} position @returns {{node: number, level: number, row: number}}
   */
  at(position) {
    let [low, high] = [0, this.#nodes.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.#segments[middle] <= position) low = middle;
      else high = middle;
    }
    const node = this.#nodes[low];
    const row = this.#isFiles[low] ? this.own(node)[position - this.#segments[low]] : -1;
    return { node, level: this.#levels[low], row };
  }

  /** Return the position of a folder, or undefined. @param {number} node @returns {number | undefined} */
  position(node) {
    return this.#firsts[node];
  }

  /** Return the position of a file, or undefined if its folder is closed. @param {number} row @returns {number | undefined} */
  positionOfRow(row) {
    const node = this.folderOf[row];
    const segment = this.#nodes.findIndex((each, at) => each === node && this.#isFiles[at]);
    return segment < 0 ? undefined : this.#segments[segment] + this.own(node).indexOf(row);
  }

  /** Open the folder of a file with those above it, and return its position. @param {number} row */
  reveal(row) {
    for (let each = this.folderOf[row]; each; each = this.plan.folders.parent[each]) this.open.add(each);
    this.layOut();
    return this.positionOfRow(row) ?? 0;
  }

  /** Return the rows of files in a folder, sorted by name. @param {number} node */
  own(node) {
    const rows = this.rows.subarray(this.#starts[node], this.#starts[node + 1]);
    if (!this.#sorted.has(node)) {
      sortByName(rows, this.plan);
      this.#sorted.add(node);
    }
    return rows;
  }

  /** Return all rows in and below a folder. @param {number} node @returns {number[]} */
  all(node) {
    const found = [];
    const waiting = [node];
    for (let each = waiting.pop(); each !== undefined; each = waiting.pop()) {
      for (let at = this.#starts[each]; at < this.#starts[each + 1]; at++) found.push(this.rows[at]);
      const own = this.removed.get(each);
      if (own !== undefined) found.push(own);
      waiting.push(...this.plan.folders.children[each]);
    }
    return found;
  }

  /** Return whether there is something to show in a folder. @param {number} node */
  hasMore(node) {
    return this.files[node] > (this.removed.has(node) ? 1 : 0);
  }

  /** Return whether the files in a folder are taken: all, none, or some. @param {number} node @returns {"true" | "false" | "mixed"} */
  taken(node) {
    const staying = this.staying[node];
    return !staying ? "true" : staying === this.files[node] ? "false" : "mixed";
  }

  /** @param {number} node */
  toggle(node) {
    if (!this.open.delete(node)) this.open.add(node);
    this.layOut();
  }
}

const lower = (/** @type {number} */ byte) => (byte >= 65 && byte <= 90 ? byte + 32 : byte);

/**
 * Sort rows by name, as ASCII without its case, one byte at a time: no name is decoded.
 * @param {Uint32Array} rows @param {import("./plan.js").Plan} plan
 */
function sortByName(rows, plan) {
  const { length } = rows;
  // Where the name of each row is, looked up once.
  const [names, starts, ends] = [/** @type {Uint8Array[]} */ (new Array(length)), new Uint32Array(length), new Uint32Array(length)];
  rows.forEach((row, at) => {
    const [frame, place] = plan.at(row);
    names[at] = frame.names;
    starts[at] = place ? frame.nameEnd[place - 1] : 0;
    ends[at] = frame.nameEnd[place];
  });
  const digit = (/** @type {number} */ each, /** @type {number} */ depth) => {
    const from = starts[each] + depth;
    return from < ends[each] ? lower(names[each][from]) + 1 : 0;
  };
  /** Return whether a name comes before another that begins alike. @param {number} a @param {number} b @param {number} depth */
  const isBefore = (a, b, depth) => {
    for (; ; depth++) {
      const [left, right] = [digit(a, depth), digit(b, depth)];
      if (left !== right) return left < right;
      if (!left) return a < b;
    }
  };
  const [order, other] = [Uint32Array.from(rows, (_, at) => at), new Uint32Array(length)];
  const counts = new Uint32Array(BYTES + 1);
  const waiting = [0, length, 0];
  while (waiting.length) {
    const [start, end, depth] = waiting.splice(-3);
    if (end - start < FEW) {
      for (let at = start + 1; at < end; at++) {
        const each = order[at];
        let place = at;
        for (; place > start && isBefore(each, order[place - 1], depth); place--) order[place] = order[place - 1];
        order[place] = each;
      }
      continue;
    }
    counts.fill(0);
    for (let at = start; at < end; at++) counts[digit(order[at], depth) + 1]++;
    for (let value = 0; value < BYTES; value++) counts[value + 1] += counts[value];
    for (let value = 1; value < BYTES; value++) {
      if (counts[value + 1] - counts[value] > 1) waiting.push(start + counts[value], start + counts[value + 1], depth + 1);
    }
    for (let at = start; at < end; at++) other[start + counts[digit(order[at], depth)]++] = order[at];
    order.set(other.subarray(start, end), start);
  }
  rows.set(order.map((at) => rows[at]));
}
