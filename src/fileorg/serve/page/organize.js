// Organize: the options of the command, then the plan that it makes.

import { follow, get, place, post, Problem } from "./api.js";
import { checkbox, labelled, problemBox, progressBar, select, title } from "./parts.js";
import { planOf } from "./plan_view.js";
import { pathText } from "./shown.js";
import { h, signal } from "./signal.js";

/** @param {any} about @param {string[]} rest */
export function organize(about, rest) {
  if (/^\d+$/.test(rest[0] ?? "")) return planOf(about, Number(rest[0]));
  return h("div", {}, h("h1", {}, "Organize"), form(about, rest[0] === "new" ? decodeURIComponent(rest.slice(1).join("/")) : ""), droppable());
}

/** @param {any} about @param {string} chosen */
function form(about, chosen) {
  const state = signal(/** @type {any} */ (null));
  const isBusy = signal(false);
  const roots = about.roots.filter((/** @type {any} */ root) => root.is_there);
  const folder = select(roots.map((/** @type {any} */ root, /** @type {number} */ at) => [String(at), pathText(root)]), { name: "folder" });
  folder.value = String(Math.max(0, roots.findIndex((/** @type {any} */ root) => root.path === chosen)));
  const text = (/** @type {string} */ placeholder) => h("input", { type: "text", autocomplete: "off", spellcheck: "false", placeholder });
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
  async function submit(event) {
    event.preventDefault();
    isBusy.value = true;
    const root = roots[Number(folder.value)];
    /** @type {Record<string, any>} */
    const wanted = { kind: "organize", paths: [place(root)] };
    for (const [name, { box }] of Object.entries(flags)) if (box.checked) wanted[name] = true;
    for (const [name, field] of Object.entries(fields)) {
      const value = field.value.trim();
      if (!value || value === field.options?.[0].value) continue;
      if (name === "dest") wanted.dest = { path: value };
      else wanted[name] = name === "include" || name === "exclude" ? value.split(/\s+/) : value;
    }
    makePlan(wanted, state, () => (isBusy.value = false));
  }

  return h("form", { class: "card form", onsubmit: submit },
    h("div", { class: "fields" }, labelled("Folder", folder), labelled("Sort by", fields.by), labelled("Action", fields.action)),
    h("p", { class: "choices" }, flags.recursive.shown, flags.remove_empty.shown),
    h("details", {}, h("summary", {}, "More options"),
      h("div", { class: "fields" },
        labelled("Destination", fields.dest, "a folder; the same one if empty"), labelled("Template", fields.template, "the folder of each file, instead of Sort by"),
        labelled("If a name is taken", fields.on_conflict), labelled("Only files matching", fields.include, "patterns, with spaces between them"),
        labelled("Skip files matching", fields.exclude), labelled("At least", fields.min_size), labelled("At most", fields.max_size),
        labelled("Changed in the last", fields.newer_than), labelled("Not changed in the last", fields.older_than)),
      h("p", { class: "choices" }, flags.hidden.shown, flags.by_content.shown)),
    h("p", { class: "actions" }, h("button", { type: "submit", class: "button primary", disabled: () => isBusy.value || !roots.length }, "Make a plan"),
      h("span", { class: "quiet" }, "Nothing is changed until you carry it out.")),
    () => state.value);
}

/**
 * Have a plan made, show how far it is, and go to it.
 * @param {any} wanted @param {{value: any}} state where progress and problems are shown @param {() => void} done
 */
export async function makePlan(wanted, state, done) {
  try {
    const { run } = await post("plans", wanted);
    const progress = signal(/** @type {any} */ (null));
    state.value = h("div", {}, h("p", { class: "quiet" }, () => `${title(progress.value?.stage ?? "scan")} …`), progressBar(() => progress.value, "Making the plan"));
    follow(`runs/${run}`, (told) => {
      progress.value = told.run?.progress ?? null;
      if (!told.last) return;
      done();
      const { answer, problem } = told.run ?? told;
      if (problem) state.value = problemBox(new Problem(problem));
      else if (answer?.job) location.hash = `#/organize/${answer.job}`;
      else state.value = h("p", { role: "status" }, `There is nothing to ${wanted.kind === "organize" ? "organize" : "remove"}: all files stay where they are.`);
    });
  } catch (error) {
    done();
    state.value = problemBox(error);
  }
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
