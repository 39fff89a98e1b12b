// Parts that several pages use: words of operations and jobs, problems, progress, buttons to undo.

import { counted, sizeText, timeText } from "/report/figures.js";
import { follow, post, Problem } from "./api.js";
import { pathText } from "./shown.js";
import { h, signal } from "./signal.js";

/** What a screen reader says next. */
export const said = signal("");

/** @param {number} number @param {string} word */
export const plural = (number, word) => `${counted(number)} ${word}${number === 1 ? "" : "s"}`;

/** @param {string | null} time */
export const whenText = (time) => (time ? timeText(Date.parse(time) / 1000) : "");

/** @param {number | null} seconds */
function leftText(seconds) {
  if (seconds === null || seconds === undefined) return "";
  return seconds < 60 ? `${Math.ceil(seconds)} s left` : `${Math.ceil(seconds / 60)} min left`;
}

/** Return an error as a box that is read aloud. @param {unknown} error */
export function problemBox(error) {
  const problem = error instanceof Problem ? error : new Problem({ detail: `This page could not go on: ${/** @type {any} */ (error)?.message ?? error}.` });
  return h("div", { class: "problem", role: "alert" },
    h("p", {}, problem.message), problem.hint && h("p", { class: "quiet" }, sentence(problem.hint)));
}

/** Return a hint as a sentence of its own. @param {string} hint */
function sentence(hint) {
  const first = hint.startsWith("fileorg ") ? hint[0] : hint[0].toUpperCase(); // a command is written as it is typed
  return `${first}${hint.slice(1)}${/[.?!…]$/.test(hint) ? "" : "."}`;
}

/**
 * Return what an answer becomes: `waiting` until it is there, a problem if it fails.
 * @template T
 * @param {Promise<T>} answer @param {(value: T) => any} shown @param {string} [waiting]
 * @param {string} [heading] of a page, as long as what is shown has not brought its own
 */
export function later(answer, shown, waiting = "Loading …", heading = "") {
  const headed = (/** @type {any} */ part) => (heading ? [h("h1", {}, heading), part] : part);
  // Made inside the effect that shows it: what it follows ends with it.
  const state = signal(/** @type {() => any} */ (() => headed(h("p", { class: "quiet" }, waiting))));
  answer.then((value) => (state.value = () => shown(value)), (error) => (state.value = () => headed(problemBox(error))));
  return h("div", { class: "later" }, () => state.value());
}

/** @param {string} words @param {(event: Event) => void} onclick @param {any} [facts] @param {any} [more] is shown behind the words */
export const button = (words, onclick, facts = {}, more = null) =>
  h("button", { type: "button", class: "button", onclick, ...facts }, words, more);

/** Return the button of a form. @param {any} words @param {any} [facts] */
export const submitButton = (words, facts = {}) => h("button", { type: "submit", class: "button primary", ...facts }, words);

/** Return a button that looks like text. @param {any} words @param {() => void} onclick @param {any} [facts] @param {any} [more] */
export const link = (words, onclick, facts = {}, more = null) => button(words, onclick, { class: "plain", ...facts }, more);

/** @param {any} operation */
export function statusText(operation) {
  const by = operation.undone_by?.length ? ` by ${operation.undone_by.join(", ")}` : "";
  return operation.status.replaceAll("_", " ") + by + (operation.stopped_early ? ", stopped early" : "");
}

export const title = (/** @type {string} */ word) => (word ? word[0].toUpperCase() + word.slice(1).replaceAll("-", " ") : "");

/** @param {any} operation */
export function canUndo({ kind, status }) {
  return kind !== "purge" && ["active", "partly_undone", "interrupted"].includes(status);
}

/**
 * Return a button that undoes an operation, or redoes it if it is an undo, and then calls `done`.
 * @param {any} operation @param {() => void} done
 */
export function undoButton(operation, done) {
  const state = signal(/** @type {any} */ (null));
  const way = operation.kind === "undo" ? "redo" : "undo";
  async function undo() {
    state.value = h("span", { class: "quiet" }, way === "undo" ? "Undoing …" : "Redoing …");
    try {
      const { job } = await post(`operations/${operation.operation}/${way}`);
      if (job === null) return finish();
      follow(`jobs/${job}`, (found) => {
        if (found.problem) state.value = problemBox(new Problem(found.problem));
        else if (found.last) finish();
      });
    } catch (error) {
      state.value = problemBox(error);
    }
  }
  function finish() {
    said.value = `Operation ${operation.operation} is ${way === "undo" ? "undone" : "done again"}.`;
    done();
  }
  const begin = button(title(way), undo, {}, h("span", { class: "unseen" }, ` operation ${operation.operation}`));
  return h("span", { class: "way-back" }, () => state.value ?? begin);
}

/** Return a bar of progress for a job or a run. @param {() => any} progressOf @param {string} label */
export function progressBar(progressOf, label) {
  const facts = () => {
    const progress = progressOf();
    if (!progress) return "";
    const total = progress.total ? ` of ${counted(progress.total)}` : "";
    const more = [progress.size_bytes ? sizeText(progress.size_bytes) : "", leftText(progress.seconds_left)].filter(Boolean);
    return [`${counted(progress.files)}${total} files`, ...more].join(", ");
  };
  return h("div", { class: "progress" },
    h("progress", { "aria-label": label, max: () => progressOf()?.total || 1, ".value": () => (progressOf()?.total ? progressOf().files : 0) }),
    h("p", { class: "quiet number" }, facts));
}

/** Return the path of a root or file as its last part and the whole. @param {string} path */
export const shortPath = (path) => path.split("/").pop() || path;

/** @param {string} label @param {any} field @param {string} [hint] */
export function labelled(label, field, hint) {
  field.id ||= `field-${label.toLowerCase().replace(/[^a-z]+/g, "-")}`;
  return h("p", { class: "field" }, h("label", { for: field.id }, label), field, hint && h("small", {}, hint));
}

/** @param {string} label */
export function checkbox(label) {
  const box = h("input", { type: "checkbox" });
  return { box, shown: h("label", { class: "choice" }, box, " ", label) };
}

/** @param {string[][]} choices values and words @param {any} [facts] */
export const select = (choices, facts = {}) =>
  h("select", facts, choices.map(([value, words]) => h("option", { value }, words)));

/** Return an input for text, without the help of the browser. @param {any} [facts] */
export const textField = (facts = {}) => h("input", { type: "text", autocomplete: "off", spellcheck: "false", ...facts });

/** Return the path that a link like `#/organize/new/PATH` names, "" for none. @param {string[]} rest */
export const pathIn = (rest) => (rest[0] === "new" ? decodeURIComponent(rest.slice(1).join("/")) : "");

/**
 * Return a choice of the folders that are served and exist.
 * @param {any} about @param {string} [chosen] the path of the one that is chosen first
 */
export function rootSelect(about, chosen) {
  const roots = about.roots.filter((/** @type {any} */ root) => root.is_there);
  const field = select(roots.map((/** @type {any} */ root, /** @type {number} */ at) => [String(at), pathText(root)]));
  field.value = String(Math.max(0, roots.findIndex((/** @type {any} */ root) => root.path === chosen)));
  return {
    isEmpty: !roots.length, root: () => roots[Number(field.value)],
    shown: labelled("Folder", field, roots.length ? "" : "None of the folders of this server exists. Is their disk mounted?"),
  };
}

/** Return the place in a list of pages, with buttons to the next ones. @param {{value: number, peek: () => number}} page @param {number} total @param {number} size @param {string} word */
export function pager(page, total, size, word) {
  const at = page.peek();
  return h("p", { class: "actions pages" },
    h("span", { class: "quiet number" }, `${plural(total, word)}, page ${counted(at)} of ${counted(Math.max(1, Math.ceil(total / size)))}`),
    at > 1 && button("Back", () => (page.value -= 1)), at * size < total && button("Next", () => (page.value += 1)));
}
