// One side of a plan as a tree that people see, walk through with the keyboard, and drag files in.

import { sizeText } from "/report/figures.js";
import { shortPath } from "./parts.js";
import { h } from "./signal.js";
import { VirtualList } from "/report/virtual_list.js";

/**
 * What a tree shows and tells.
 * @typedef {object} Uses
 * @property {import("./folders.js").Tree} tree
 * @property {string} label
 * @property {(row: number) => string} name
 * @property {(row: number) => string} note what is said of a file beside its name
 * @property {(node: number) => string} folderNote what is said of a folder beside its name
 * @property {(node: number) => boolean} isNew whether the plan makes a folder
 * @property {boolean} isMovable whether rows can be given another folder
 * @property {(row: number) => boolean} isMoved whether a person gave a row another folder
 * @property {(rows: number[]) => void} leave leave rows out, or take them again
 * @property {(rows: number[], node: number) => void} [drop] move rows to a folder; without it, nothing is dropped here
 * @property {(rows: number[]) => void} ask ask where to move rows
 * @property {(chosen: {node: number, row: number}) => void} chosen
 */

/** @type {number[] | null} */
let dragged = null;

export class PlanTree extends HTMLElement {
  // `show` sets them, before anything else is called.
  uses = /** @type {Uses} */ (/** @type {unknown} */ (null));
  list = /** @type {VirtualList} */ (/** @type {unknown} */ (null));
  port = /** @type {HTMLElement} */ (/** @type {unknown} */ (null));

  /** @type {{node: number, row: number} | null} */
  #chosen = null;

  /** @param {Uses} uses @param {string} prefix begins the ids of rows */
  show(uses, prefix) {
    this.uses = uses;
    const layer = h("div", { class: "layer", role: "presentation" });
    const body = h("div", { class: "body", role: "presentation" }, layer);
    this.port = h("div", { class: "port", role: "tree", tabindex: 0, "aria-label": uses.label, "aria-multiselectable": "false" }, body);
    this.replaceChildren(this.port);
    this.list = new VirtualList(this.port, body, layer, {
      prefix, newRow: () => this.#newRow(), fill: (line, at) => this.#fill(line, at), selected: (at) => this.#tell(at),
    });
    this.list.length = uses.tree.length;
    this.port.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.#onKey(event));
    this.port.addEventListener("focus", () => {
      if (this.list.selected < 0 && this.port.matches(":focus-visible")) this.list.select(this.list.first);
    });
    layer.addEventListener("click", (/** @type {MouseEvent} */ event) => this.#onClick(event));
    if (uses.isMovable) this.#listenToDrags(layer);
    this.list.listen();
  }

  /** Show the tree anew after it has changed. */
  refresh() {
    const { tree } = this.uses;
    this.list.length = tree.length;
    if (this.#chosen) {
      const { node, row } = this.#chosen;
      this.list.selected = (row < 0 ? tree.position(node) : tree.positionOfRow(row)) ?? -1; // it may have moved, or be hidden
    }
    this.list.layOut();
  }

  /** Show and select a row. @param {number} row */
  reveal(row) {
    const position = this.uses.tree.reveal(row);
    this.list.length = this.uses.tree.length;
    this.list.layOut();
    this.list.select(position);
  }

  #newRow() {
    return h("div", { class: "line", role: "treeitem", draggable: String(this.uses.isMovable) },
      h("span", { class: "caret", "aria-hidden": "true" }), h("span", { class: "check", "aria-hidden": "true" }),
      h("span", { class: "label" }), h("span", { class: "note" }), h("span", { class: "size" }));
  }

  /** @param {HTMLElement} line @param {number} at */
  #fill(line, at) {
    const { tree, isNew, isMoved } = this.uses;
    const { node, level, row } = tree.at(at);
    const [caret, , label, note, size] = /** @type {HTMLElement[]} */ ([...line.children]);
    const isFolder = row < 0;
    line.setAttribute("aria-level", String(level));
    line.style.setProperty("--level", String(level));
    line.classList.toggle("is-folder", isFolder);
    line.classList.toggle("is-new", isFolder && isNew(node));
    line.classList.toggle("is-moved", !isFolder && isMoved(row));
    const checked = isFolder ? tree.taken(node) : String(!tree.stays[row]);
    line.setAttribute("aria-checked", checked);
    if (isFolder) {
      const isOpen = tree.open.has(node);
      if (tree.hasMore(node)) line.setAttribute("aria-expanded", String(isOpen));
      else line.removeAttribute("aria-expanded");
      caret.textContent = !tree.hasMore(node) ? "" : isOpen ? "▾" : "▸";
      const path = tree.plan.folders.names[node];
      label.textContent = level === 1 ? shortPath(path) : path;
      note.textContent = this.uses.folderNote(node);
      size.textContent = sizeText(tree.sizes[node]);
    } else {
      line.removeAttribute("aria-expanded");
      caret.textContent = "";
      label.textContent = this.uses.name(row);
      note.textContent = this.uses.note(row);
      size.textContent = sizeText(tree.plan.size(row));
    }
    line.title = isFolder ? tree.plan.folders.path(node) : label.textContent ?? "";
  }

  /** Return the rows at a position: a file with those that it goes with, or all files of a folder. @param {number} at */
  rowsAt(at) {
    const { node, row } = this.uses.tree.at(at);
    return row < 0 ? this.uses.tree.all(node) : this.uses.tree.plan.group(row);
  }

  /** @param {number} at */
  #tell(at) {
    this.#chosen = this.uses.tree.at(at);
    this.uses.chosen(this.#chosen);
  }

  /** @param {number} at */
  #toggle(at) {
    const { node, row } = this.uses.tree.at(at);
    if (row >= 0 || !this.uses.tree.hasMore(node)) return;
    this.uses.tree.toggle(node);
    this.refresh();
  }

  /** @param {MouseEvent} event */
  #onClick(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    const line = /** @type {HTMLElement | null} */ (target.closest(".line"));
    if (!line) return;
    const at = Number(line.dataset.at);
    const wasSelected = at === this.list.selected;
    this.list.select(at);
    if (target.classList.contains("check")) this.uses.leave(this.rowsAt(at));
    else if (target.classList.contains("caret") || wasSelected) this.#toggle(at);
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const { list, uses } = this;
    const at = list.selected;
    const goal = list.goal(event.key);
    if (goal !== undefined) list.select(goal);
    else if (at < 0) return;
    else if (event.key === "ArrowRight" || event.key === "ArrowLeft") this.#aside(event.key === "ArrowRight");
    else if (event.key === "Enter") this.#toggle(at);
    else if (event.key === " ") uses.leave(this.rowsAt(at));
    else if (event.key === "m" && uses.isMovable) uses.ask(this.rowsAt(at));
    else return;
    event.preventDefault();
  }

  /** Open or close a folder; go into it or out of it if it is open or closed already. @param {boolean} isIn */
  #aside(isIn) {
    const { tree } = this.uses;
    const at = this.list.selected;
    const { node, row } = tree.at(at);
    const isOpen = row < 0 && tree.open.has(node);
    if (row < 0 && isIn !== isOpen) this.#toggle(at);
    else if (isIn && isOpen) this.list.select(at + 1);
    else if (!isIn) {
      const above = tree.position(row < 0 ? tree.plan.folders.parent[node] : node);
      if (above !== undefined) this.list.select(above);
    }
  }

  /** @param {HTMLElement} layer */
  #listenToDrags(layer) {
    const { tree } = this.uses;
    const lineOf = (/** @type {DragEvent} */ event) =>
      /** @type {HTMLElement | null} */ (/** @type {HTMLElement} */ (event.target).closest(".line"));
    let over = 0;
    layer.addEventListener("dragstart", (event) => {
      const line = lineOf(event);
      if (!line || !event.dataTransfer) return;
      dragged = this.rowsAt(Number(line.dataset.at));
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setData("text/plain", line.title);
    });
    layer.addEventListener("dragend", () => {
      dragged = null;
      this.#mark(0);
    });
    layer.addEventListener("dragover", (event) => {
      const line = lineOf(event);
      if (!dragged || !line || !this.uses.drop) return;
      event.preventDefault();
      over = tree.at(Number(line.dataset.at)).node;
      this.#mark(over);
    });
    layer.addEventListener("drop", (event) => {
      if (!dragged || !this.uses.drop) return;
      event.preventDefault();
      this.#mark(0);
      this.uses.drop(dragged, over);
      dragged = null;
    });
  }

  /** Mark the folder that files would be dropped into. @param {number} node */
  #mark(node) {
    for (const line of /** @type {HTMLElement[]} */ ([...this.list.layer.children])) {
      const each = this.uses.tree.at(Number(line.dataset.at));
      line.classList.toggle("is-over", node > 0 && each.node === node);
    }
  }
}

customElements.define("plan-tree", PlanTree);
