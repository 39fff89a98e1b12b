// "Move to…", and the question after it: only this file, or a rule for all like it?

import { post } from "./api.js";
import { button, labelled, plural, problemBox, select, submitButton, textField } from "./parts.js";
import { h, signal } from "./signal.js";

const MOST_OFFERED = 400;
const MOST_SHOWN = 100;

/**
 * Show a dialog; return what `close` is given, null if it is left.
 * @param {string} title @param {(close: (value: any) => void) => any[]} content @returns {Promise<any>}
 */
function asked(title, content) {
  return new Promise((resolve) => {
    /** @type {HTMLDialogElement} */
    let dialog;
    let answer = /** @type {any} */ (null);
    const close = (/** @type {any} */ value) => {
      answer = value;
      dialog.close();
    };
    dialog = h("dialog", { "aria-labelledby": "dialog-title", onclose: () => { dialog.remove(); resolve(answer); } },
      h("h2", { id: "dialog-title" }, title), content(close));
    document.body.append(dialog);
    dialog.showModal();
    addEventListener("hashchange", () => dialog.close(), { once: true }); // the view that asks is gone
  });
}

/** Ask where to move rows; return the node of a folder, 0 for none. @param {import("./plan_edits.js").PlanEdits} edits @param {number[]} rows */
export async function askFolder(edits, rows) {
  const { plan } = edits;
  const { folders } = plan;
  const tops = folders.tops.map((node) => [String(node), folders.names[node]]);
  const here = folders.root(edits.folderAfter[rows[0]] || plan.target[rows[0]]);
  /** @type {string[]} */
  const known = [];
  for (let node = 1; node < folders.length && known.length < MOST_OFFERED; node++) {
    if (folders.below(node) && (edits.after.files[node] || edits.before.files[node])) known.push(folders.below(node));
  }
  return asked(rows.length === 1 ? `Move ${plan.name(rows[0])} to…` : `Move ${plural(rows.length, "file")} to…`, (close) => {
    const root = select(tops);
    root.value = String(folders.tops.find((node) => folders.names[node] === here));
    const offers = h("datalist", { id: "folders" }, [...new Set(known)].sort().map((value) => h("option", { value })));
    const folder = textField({ list: "folders", autofocus: true });
    const problem = signal("");
    const submit = (/** @type {Event} */ event) => {
      event.preventDefault();
      const path = folder.value.trim().replace(/^\/+|\/+$/g, "").replace(/\/+/g, "/");
      if (path.split("/").some((/** @type {string} */ part) => part === "." || part === "..")) problem.value = "A folder cannot be named . or ..";
      else close(folders.node(folders.names[Number(root.value)], path));
    };
    return [h("form", { onsubmit: submit },
      tops.length > 1 && labelled("In", root),
      labelled("Folder", folder, "one of the plan, or a new one"), offers,
      h("p", { role: "alert", class: "bad" }, () => problem.value),
      h("p", { class: "actions" }, button("Cancel", () => close(null)),
        submitButton("Move")))];
  });
}

/** Return the rules that a file suggests. @param {string} name */
function suggestions(name) {
  const lower = name.toLowerCase();
  const found = [];
  const dot = lower.lastIndexOf(".");
  if (dot > 0 && /^[a-z0-9]{1,12}$/.test(lower.slice(dot + 1))) {
    found.push({ rule: { ext: lower.slice(dot + 1) }, words: `all .${lower.slice(dot + 1)} files` });
  }
  const start = /^[\p{L}]{3,}/u.exec(lower)?.[0];
  if (start && start.length < lower.length) found.push({ rule: { start }, words: `all files whose names begin with “${start}”` });
  return found;
}

/**
 * Ask whether only these rows are moved, or all that a rule would catch. Return the rows, null if it is left.
 * @param {import("./plan_edits.js").PlanEdits} edits @param {number[]} rows @param {number} node
 * @returns {Promise<{rows: number[]} | null>}
 */
export async function askRule(edits, rows, node) {
  const { plan } = edits;
  const target = plan.folders.below(node);
  const leader = plan.name(rows[0]);
  const suggested = rows.length <= plan.group(rows[0]).length && target ? suggestions(leader) : [];
  if (!suggested.length) return { rows };
  const caught = edits.caught(suggested.map(({ rule }) => rule));
  const offers = suggested.map((each, at) => ({ ...each, rows: caught[at] }));
  return asked(`Move to ${target}`, (close) => {
    const choice = signal(-1);
    const problem = signal(/** @type {any} */ (null));
    const radio = (/** @type {number} */ at, /** @type {string} */ words) => h("label", { class: "choice" },
      h("input", { type: "radio", name: "which", checked: at < 0, onchange: () => (choice.value = at) }), " ", words);
    async function submit(/** @type {Event} */ event) {
      event.preventDefault();
      if (choice.peek() < 0) return close({ rows });
      const { rule, rows: caught } = offers[choice.peek()];
      try {
        await post("rules", { to: target, ...rule });
        close({ rows: [...new Set([...rows, ...caught.flatMap((row) => plan.group(row))])] });
      } catch (error) {
        problem.value = problemBox(error);
      }
    }
    return [h("form", { onsubmit: submit },
      h("fieldset", {}, h("legend", {}, "Only this one, or make a rule?"),
        radio(-1, `Only ${leader}`), offers.map(({ words, rows: caught }, at) => radio(at, `A rule: ${words} (${caught.length} in this plan)`))),
      () => choice.value >= 0 && caughtList(plan, offers[choice.value].rows),
      () => problem.value,
      h("p", { class: "actions" }, button("Cancel", () => close(null)),
        submitButton(() => (choice.value < 0 ? "Move" : "Make the rule"))))];
  });
}

/** @param {import("./plan.js").Plan} plan @param {number[]} rows */
function caughtList(plan, rows) {
  return h("div", {},
    h("p", { class: "quiet" }, "The rule would catch these files. It is kept in the configuration, and decides before the categories from now on."),
    h("ul", { class: "caught", tabindex: 0, "aria-label": "Files that the rule would catch" }, rows.slice(0, MOST_SHOWN).map((row) => h("li", { class: "path" }, plan.name(row))),
      rows.length > MOST_SHOWN && h("li", { class: "quiet" }, `and ${rows.length - MOST_SHOWN} more`)));
}
