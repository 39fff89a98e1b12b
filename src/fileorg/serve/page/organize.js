// Organize: the options of the command, then the plan that it makes.

import { get, place } from "./api.js";
import { checkbox, labelled, later, pathIn, problemBox, rootSelect, select, submitButton, textField } from "./parts.js";
import { planner } from "./runs.js";
import { pathText } from "./shown.js";
import { h, signal } from "./signal.js";

/** @param {any} about @param {string[]} rest */
export function organize(about, rest) {
  return h("div", {}, h("h1", {}, "Organize"), form(about, pathIn(rest)), droppable());
}

/** @param {any} about @param {string} chosen */
function form(about, chosen) {
  const plans = planner();
  const profile = signal("");
  const folder = rootSelect(about, chosen);
  const text = (/** @type {string} */ placeholder) => textField({ placeholder });
  const fields = {
    by: select([["category", "Category: Images, Documents …"], ["date", "Date: year and month"], ["extension", "Extension"]]),
    action: select([["move", "Move"], ["copy", "Copy"], ["hardlink", "Hard link"], ["symlink", "Symlink"]]),
    on_conflict: select([["rename", "Rename: a number is added"], ["skip", "Skip the file"], ["keep-newer", "Keep the newer file"], ["fail", "Fail"]]),
    template: text("Photos/{modified.year}"), dest: text(""), min_size: text("10 MB"), max_size: text("1 GB"),
    newer_than: text("7d"), older_than: text("1y"), include: text("*.pdf *.docx"), exclude: text("*.part"),
  };
  const flags = {
    recursive: checkbox("Include subfolders"), remove_empty: checkbox("Remove folders that become empty"),
    hidden: checkbox("Include hidden files"), by_content: checkbox("Look into all files for their type"),
  };

  /** @param {Event} event */
  function submit(event) {
    event.preventDefault();
    /** @type {Record<string, any>} */
    const wanted = profile.peek() ? { kind: "organize", paths: [], profile: profile.peek() } : { kind: "organize", paths: [place(folder.root())] };
    for (const [name, { box }] of Object.entries(flags)) if (box.checked) wanted[name] = true;
    for (const [name, field] of Object.entries(fields)) {
      const value = field.value.trim();
      if (!value || value === field.options?.[0].value) continue;
      if (name === "dest") wanted.dest = { path: value };
      else wanted[name] = name === "include" || name === "exclude" ? value.split(/\s+/) : value;
    }
    plans.make(wanted, "There is nothing to organize: all files stay where they are.");
  }

  return h("form", { class: "card form", onsubmit: submit },
    later(get("profiles"), ({ profiles }) => profiles.length > 0 && profileSelect(profiles, (name) => (profile.value = name)), ""),
    h("div", { class: "fields" }, () => !profile.value && folder.shown, labelled("Sort by", fields.by), labelled("Action", fields.action)),
    h("p", { class: "choices" }, flags.recursive.shown, flags.remove_empty.shown),
    h("details", {}, h("summary", {}, "More options"),
      h("div", { class: "fields" },
        labelled("Destination", fields.dest, "a folder; the same one if empty"), labelled("Template", fields.template, "the folder of each file, instead of Sort by"),
        labelled("If a name is taken", fields.on_conflict), labelled("Only files matching", fields.include, "patterns, with spaces between them"),
        labelled("Skip files matching", fields.exclude), labelled("At least", fields.min_size), labelled("At most", fields.max_size),
        labelled("Changed in the last", fields.newer_than), labelled("Not changed in the last", fields.older_than)),
      h("p", { class: "choices" }, flags.hidden.shown, flags.by_content.shown)),
    h("p", { class: "actions" }, submitButton("Make a plan", { disabled: () => plans.isBusy.value || (folder.isEmpty && !profile.value) }),
      h("span", { class: "quiet" }, "Nothing is changed until you carry it out.")),
    plans.shown);
}

/** Return a choice of the profiles of the configuration, which have folders and options of their own. @param {any[]} profiles @param {(name: string) => void} choose */
function profileSelect(profiles, choose) {
  const chosen = signal(/** @type {any} */ (null));
  const field = select([["", "None"], ...profiles.map(({ name }) => [name, name])], { onchange: () => {
    chosen.value = profiles.find(({ name }) => name === field.value) ?? null;
    choose(field.value);
  } });
  const facts = (/** @type {any} */ { roots, options }) => [
    h("span", { class: "path" }, roots.map((/** @type {any} */ root) => pathText(root)).join(", ")),
    Object.entries(options).map(([name, value]) => h("span", {}, value === true ? name.replaceAll("_", " ") : `${name.replaceAll("_", " ")}: ${[value].flat().join(" ")}`))];
  return h("div", { class: "fields" }, labelled("Profile", field),
    () => chosen.value && h("p", { class: "field quiet" }, "Its folder and options are used; what you choose below comes first.", facts(chosen.value)));
}

/** A place for files from the desktop: it says where they would go by their names. */
function droppable() {
  const rows = signal(/** @type {any} */ (null));
  const isOver = signal(false);
  /** @param {FileList} files */
  async function tell(files) {
    try {
      const { categories } = await get("categories");
      const folders = new Map();
      for (const { name, extensions } of categories) for (const extension of extensions) folders.set(extension, name);
      const found = [...files].map(({ name }) => {
        const lower = name.toLowerCase();
        let category = null;
        for (let dot = lower.indexOf("."); dot >= 0 && !category; dot = lower.indexOf(".", dot + 1)) category = folders.get(lower.slice(dot + 1));
        return [name, category];
      });
      rows.value = h("ul", { class: "plain-list" }, found.map(([name, category]) => h("li", {}, h("span", { class: "path" }, name),
        category ? [" → ", h("b", {}, category)] : h("span", { class: "quiet" }, " stays: of unknown type by its name"))));
    } catch (error) {
      rows.value = problemBox(error);
    }
  }
  const pick = h("input", { type: "file", multiple: true, class: "unseen", id: "pick", onchange: () => tell(pick.files) });
  return h("section", {
    class: () => `card drop${isOver.value ? " is-over" : ""}`, "aria-labelledby": "drop-title",
    ondragover: (/** @type {DragEvent} */ event) => { event.preventDefault(); isOver.value = true; },
    ondragleave: () => (isOver.value = false),
    ondrop: (/** @type {DragEvent} */ event) => { event.preventDefault(); isOver.value = false; if (event.dataTransfer) tell(event.dataTransfer.files); },
  },
  h("h2", { id: "drop-title" }, "Where would a file go?"),
  h("p", {}, "Drop files here from the desktop, or ", pick, h("label", { class: "plain", for: "pick" }, "choose some"), ". They are neither read nor copied: their names decide."),
  () => rows.value);
}
