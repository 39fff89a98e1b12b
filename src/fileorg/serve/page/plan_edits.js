// What a person changes in a plan before it is carried out: files left out, and files given another folder.

import { signal } from "./signal.js";
import { Tree } from "./folders.js";
import { base64Of } from "./shown.js";

const [MAKE_FOLDER, REMOVE_FOLDER] = ["make-folder", "remove-folder"];
/** The category of a folder that is removed because everything in it is moved: it follows its files. */
const EMPTIED = "emptied folder";

export class PlanEdits {
  /** Counts changes, for what is shown to follow them. */
  version = signal(0);
  /** @type {Map<number, number>} the node that a row was given */
  moved = new Map();
  /** @type {Set<number>} */
  newFolders = new Set();
  /** The rows of folders that the plan removes, by their nodes. @type {Map<number, number>} */
  removed = new Map();
  /** Nodes of folders that are removed once everything in them has been moved. @type {Set<number>} */
  emptied = new Set();
  files = 0;
  skipped = 0;
  left = 0;
  /** The files that go to another folder than the plan says. */
  movedFiles = 0;

  /** @param {import("./plan.js").Plan} plan */
  constructor(plan) {
    this.plan = plan;
    this.leftOut = new Uint8Array(plan.length);
    // The folder of each row afterwards, and whether it stays: as the plan says, until somebody changes it.
    this.folderAfter = plan.target.slice(0, plan.length);
    this.staying = plan.skipped.slice(0, plan.length);
    const { folders } = plan;
    for (let row = 0; row < plan.length; row++) {
      if (plan.before[row]) {
        this.files++;
        this.skipped += plan.skipped[row];
        if (plan.skipped[row]) this.folderAfter[row] = plan.before[row];
        continue;
      }
      this.folderAfter[row] = 0;
      const [above, action] = [folders.below(plan.target[row]), plan.action(row)];
      const node = folders.node(folders.root(plan.target[row]), above ? `${above}/${plan.newName(row)}` : plan.newName(row));
      if (action === MAKE_FOLDER) this.newFolders.add(node);
      else if (action === REMOVE_FOLDER && plan.category(row) === EMPTIED) {
        if (!plan.skipped[row]) this.emptied.add(node);
      }
      else if (action === REMOVE_FOLDER) {
        this.removed.set(node, row);
        this.files++;
        this.skipped += plan.skipped[row];
      }
    }
    this.known = folders.length;
    this.before = new Tree(plan, plan.before, this.staying, this.removed);
    this.after = new Tree(plan, this.folderAfter, this.staying);
  }

  /** Return whether a folder is removed because everything in it goes elsewhere. @param {number} node */
  isEmptied(node) {
    return this.emptied.has(node) && !this.before.staying[node] && !this.after.files[node];
  }

  /** Return whether the plan, or a person, makes a folder. @param {number} node */
  isNew(node) {
    return this.newFolders.has(node) || node >= this.known;
  }

  /** @param {number} row */
  stays(row) {
    return this.staying[row] === 1;
  }

  /** @param {number} row */
  nameAfter(row) {
    return this.stays(row) || this.moved.has(row) ? this.plan.name(row) : this.plan.newName(row);
  }

  /** Leave rows out, or take them again if all are left out. @param {number[]} rows */
  toggle(rows) {
    const open = rows.filter((row) => !this.plan.skipped[row]);
    const out = open.some((row) => !this.leftOut[row]) ? 1 : 0;
    for (const row of open) this.leftOut[row] = out;
    this.#changed(out && this.removed.size ? [...open, ...this.#keepFoldersOf(open)] : open);
    return out ? open.length : -open.length;
  }

  /** Leave out the folders in which something stays, and return their rows. @param {number[]} rows that are left out */
  #keepFoldersOf(rows) {
    const found = [];
    const { parent } = this.plan.folders;
    const nodes = new Map([...this.removed].map(([node, row]) => [row, node]));
    for (const each of rows) {
      for (let node = nodes.get(each) ?? this.plan.before[each]; node; node = parent[node]) {
        const row = this.removed.get(node);
        if (row === undefined || this.plan.skipped[row]) continue;
        this.leftOut[row] = 1;
        found.push(row);
      }
    }
    return found;
  }

  /** Give rows another folder. Rows that stay are not moved. @param {number[]} rows @param {number} node */
  move(rows, node) {
    const found = rows.filter((row) => !this.stays(row) && this.folderAfter[row] !== node);
    for (const row of found) {
      if (this.plan.target[row] === node) this.moved.delete(row);
      else if (this.plan.before[row] === node) this.leftOut[row] = 1;
      else this.moved.set(row, node);
    }
    if (found.length) this.after.open.add(node);
    this.#changed(found);
    return found.length;
  }

  /** The files that are carried out. */
  get open() {
    return this.files - this.skipped - this.left;
  }

  /** Take up what was decided about rows. @param {number[]} rows */
  #changed(rows) {
    const { before, target, skipped } = this.plan;
    const touched = new Set();
    for (const row of rows) {
      this.staying[row] = skipped[row] | this.leftOut[row];
      const folder = !before[row] || this.staying[row] ? before[row] : this.moved.get(row) ?? target[row];
      if (folder === this.folderAfter[row]) continue;
      touched.add(this.folderAfter[row]).add(folder);
      this.folderAfter[row] = folder;
    }
    this.before.recount();
    this.after.refresh(touched);
    this.left = this.leftOut.reduce((sum, each) => sum + each, 0);
    this.movedFiles = 0;
    for (const row of this.moved.keys()) this.movedFiles += 1 - this.leftOut[row];
    this.version.value = this.version.peek() + 1;
  }

  get isChanged() {
    return this.left > 0 || this.movedFiles > 0;
  }

  /** Return the changes as the API takes them. @param {string} version */
  asBody(version) {
    const bits = new Uint8Array(Math.ceil(this.leftOut.length / 8));
    for (let row = 0; row < this.leftOut.length; row++) bits[row >> 3] |= this.leftOut[row] << (row & 7);
    /** @type {Map<number, number[]>} */
    const byNode = new Map();
    for (const [row, node] of this.moved) {
      if (this.leftOut[row]) continue;
      if (!byNode.has(node)) byNode.set(node, []);
      byNode.get(node)?.push(row);
    }
    const move = [...byNode].map(([node, rows]) => ({ rows, folder: this.plan.folders.place(node) }));
    return { version, leave_out_bits: this.left ? base64Of(bits) : "", move };
  }

  /**
   * Return the files of the plan that each of some rules, for an extension or a beginning of names, would catch.
   * @param {{ext?: string, start?: string}[]} rules @returns {number[][]}
   */
  caught(rules) {
    const found = rules.map(() => /** @type {number[]} */ ([]));
    for (let row = 0; row < this.plan.length; row++) {
      if (!this.plan.before[row] || this.plan.skipped[row]) continue;
      const name = this.plan.name(row).toLowerCase();
      rules.forEach(({ ext, start }, at) => {
        if (ext ? name.endsWith(`.${ext}`) : name.startsWith(start ?? "\0")) found[at].push(row);
      });
    }
    return found;
  }
}
