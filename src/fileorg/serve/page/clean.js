// Clean: which leftovers are removed, then the plan.

import { place } from "./api.js";
import { checkbox, pathIn, rootSelect, submitButton } from "./parts.js";
import { planner } from "./runs.js";
import { h, signal } from "./signal.js";

/** @param {any} about @param {string[]} rest */
export function clean(about, rest) {
  const plans = planner();
  const folder = rootSelect(about, pathIn(rest));
  const isNone = signal(false);
  const kinds = {
    empty_folders: checkbox("Empty folders"), empty_files: checkbox("Empty files"), broken_symlinks: checkbox("Broken symlinks"),
  };
  const chosen = () => Object.entries(kinds).filter(([, { box }]) => box.checked).map(([name]) => name);
  for (const { box } of Object.values(kinds)) {
    box.checked = true;
    box.addEventListener("change", () => (isNone.value = !chosen().length));
  }
  const hidden = checkbox("Include hidden files and folders");
  /** @param {Event} event */
  function submit(event) {
    event.preventDefault();
    plans.make({ kind: "clean", paths: [place(folder.root())], hidden: hidden.box.checked, ...Object.fromEntries(chosen().map((name) => [name, true])) },
      "There is nothing to remove.");
  }
  return h("div", {}, h("h1", {}, "Clean"),
    h("form", { class: "card form", onsubmit: submit },
      h("div", { class: "fields" }, folder.shown),
      h("fieldset", { class: "choices" }, h("legend", {}, "What to remove"), Object.values(kinds).map(({ shown }) => shown)),
      h("p", { class: "choices" }, hidden.shown),
      h("p", { class: "quiet" }, "A folder is removed if it is empty, or holds only what is removed too. Empty files and symlinks go to the trash. Skipped are projects, and files that are empty on purpose, such as __init__.py."),
      h("p", { class: "actions" }, submitButton("Make a plan", { disabled: () => plans.isBusy.value || folder.isEmpty || isNone.value }),
        h("span", { class: "quiet" }, () => (isNone.value ? "Choose what to remove." : "Nothing is changed until you carry it out."))),
      plans.shown));
}
