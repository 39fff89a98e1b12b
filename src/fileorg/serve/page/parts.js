// Parts that several pages use: words of operations and jobs, problems, progress, buttons to undo.

import { counted, sizeText } from "/report/figures.js";
import { follow, post, Problem } from "./api.js";
import { h, signal } from "./signal.js";

/** What a screen reader says next. */
export const said = signal("");

/** @param {number} number @param {string} word */
export const plural = (number, word) => `${counted(number)} ${word}${number === 1 ? "" : "s"}`;

/** @param {string | null} time */
export function whenText(time) {
  if (!time) return "";
  const date = new Date(time);
  const two = (/** @type {number} */ number) => String(number).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** @param {number | null} seconds */
export function leftText(seconds) {
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
  return `${hint[0].toUpperCase()}${hint.slice(1)}${/[.?!…]$/.test(hint) ? "" : "."}`;
}

/**
 * Return what an answer becomes: `waiting` until it is there, a problem if it fails.
 * @template T
 * @param {Promise<T>} answer @param {(value: T) => any} shown @param {string} [waiting]
 */
export function later(answer, shown, waiting = "Loading …") {
  const state = signal(/** @type {any} */ (h("p", { class: "quiet" }, waiting)));
  answer.then((value) => (state.value = shown(value)), (error) => (state.value = problemBox(error)));
  return h("div", { class: "later" }, () => state.value);
}

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

/** Operations that undo an operation are redone by it. @param {any} operation */
export const wayBack = ({ kind }) => (kind === "undo" ? "redo" : "undo");

/**
 * Return a button that undoes an operation, or redoes it if it is an undo, and then calls `done`.
 * @param {any} operation @param {() => void} done
 */
export function undoButton(operation, done) {
  const state = signal(/** @type {any} */ (null));
  const way = wayBack(operation);
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
  const button = h("button", { type: "button", class: "button", onclick: undo }, title(way), h("span", { class: "unseen" }, ` operation ${operation.operation}`));
  return h("span", { class: "way-back" }, () => state.value ?? button);
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

/** @param {string} label @param {any} [facts] */
export function checkbox(label, facts = {}) {
  const box = h("input", { type: "checkbox", ...facts });
  return { box, shown: h("label", { class: "choice" }, box, " ", label) };
}

/** @param {string[][]} choices values and words @param {any} [facts] */
export const select = (choices, facts = {}) =>
  h("select", facts, choices.map(([value, words]) => h("option", { value }, words)));
