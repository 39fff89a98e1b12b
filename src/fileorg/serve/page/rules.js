// Rules: the categories with their extensions, and the rules of the configuration in the order in which they decide.

import { counted, sizeText } from "/report/figures.js";
import { fetched, get, place, post } from "./api.js";
import { button, checkbox, labelled, later, link, plural, problemBox, rootSelect, said, select, submitButton, textField } from "./parts.js";
import { runner } from "./runs.js";
import { pathText } from "./shown.js";
import { effect, h, signal } from "./signal.js";

const EXAMPLES = 20;
const SETTLED_MS = 400;

/** @param {any} about */
export function rules(about) {
  const version = signal(0);
  const matched = signal(/** @type {any} */ (null));
  const changed = (/** @type {string} */ words) => { said.value = words; version.value += 1; };
  const folder = rootSelect(about);
  const within = checkbox("Include subfolders");
  within.box.checked = true;
  const runs = runner("Trying the rules", { isForView: true });
  const tried = () => ({ path: place(folder.root()), recursive: within.box.checked, examples: EXAMPLES });
  const preview = () => {
    if (folder.isEmpty) return;
    const { path } = folder.root();
    runs.begin("rules/preview", tried(), (answer) => {
      matched.value = { ...answer, root: path };
      const { unmatched } = answer;
      return h("div", { role: "status" }, unmatched.files
        ? [h("p", {}, "No rule and no category takes these; they stay where they are:"), matches({ ...unmatched, moves: unmatched.files }, path)]
        : h("p", {}, "Each file is taken by a rule or a category."));
    });
  };
  effect(() => { version.value; preview(); });
  return h("div", {}, h("h1", {}, "Rules"),
    h("p", { class: "quiet" }, "Kept in ", h("span", { class: "path" }, about.configuration), "; the commands read the same file."),
    h("section", { class: "card", "aria-labelledby": "preview-title" }, h("h2", { id: "preview-title" }, "What they match"),
      h("div", { class: "fields", onchange: preview }, folder.shown, h("p", { class: "field aside" }, within.shown)), runs.shown),
    h("section", { class: "card", "aria-labelledby": "rules-title" }, h("h2", { id: "rules-title" }, "Rules, in the order in which they decide"),
      () => { version.value; return later(get("rules"), (found) => [ruleList(found, matched), newRule(found, tried, folder.isEmpty, changed)]); }),
    h("section", { class: "card", "aria-labelledby": "categories-title" }, h("h2", { id: "categories-title" }, "Categories"), newCategory(changed),
      () => { version.value; return later(get("categories"), ({ categories }) => h("ul", { class: "categories" }, categories.map((/** @type {any} */ each) => category(each, changed, matched)))); }));
}

/** Return how many files a rule or category takes, and the first of them. @param {any} found @param {string} root */
function matches(found, root) {
  if (!found?.files) return h("p", { class: "quiet" }, "Takes no file here.");
  const stay = found.files - found.moves;
  const there = stay ? (stay === found.files ? "; they stay where they are" : `; ${counted(stay)} of them ${stay === 1 ? "stays" : "stay"} where they are`) : "";
  return h("details", { class: "matches" }, h("summary", {}, `${plural(found.files, "file")}, ${sizeText(found.size_bytes)}${there}`),
    h("ul", {}, found.examples.map((/** @type {any} */ each) => h("li", { class: "path" }, pathText(each).replace(`${root.replace(/\/$/, "")}/`, ""))),
      found.files > found.examples.length && h("li", { class: "quiet" }, `and ${counted(found.files - found.examples.length)} more`)));
}

/** @param {any} found @param {{value: any}} matched */
function ruleList({ rules: all, findings }, matched) {
  if (!all.length) return h("p", { class: "quiet" }, "There are no rules: files go to the folder of their category.");
  const of = (/** @type {any} */ rule) => matched.value?.rules.find((/** @type {any} */ each) => each.name === rule.name);
  return [h("ol", { class: "plain-list" }, all.map((/** @type {any} */ rule) => h("li", {},
    h("b", {}, rule.name), h("span", { class: "quiet" }, rule.keep ? " keeps its files in place" : rule.to === null ? " moves its files to the trash" : ` ${rule.action ?? "move"} to `),
    rule.to !== null && h("span", { class: "path" }, rule.to), !rule.enabled && h("span", { class: "quiet" }, ", switched off"),
    () => matched.value && rule.enabled && matches(of(rule), matched.value.root)))),
  findings.map((/** @type {any} */ each) => h("p", { class: "warn" }, `${each.rule}: ${each.message}.`, each.hint && h("span", { class: "quiet" }, ` ${each.hint}.`)))];
}

/**
 * A form for a rule, which shows what the rule would take while it is written.
 * @param {any} found @param {() => any} tried @param {boolean} isEmpty whether there is no folder to try it on @param {(words: string) => void} changed
 */
function newRule({ rules: all }, tried, isEmpty, changed) {
  const kind = select([["ext", "have the extension"], ["start", "have names that begin with"]]);
  const [text, to] = [textField({ placeholder: "pdf" }), textField({ placeholder: "Papers" })];
  const runs = runner("Trying the rule", { isForView: true });
  const state = signal(/** @type {any} */ (null));
  let waiting = 0;
  const rule = () => ({ to: to.value.trim(), [kind.value]: kind.value === "ext" ? text.value.trim().replace(/^\./, "") : text.value });
  const isWhole = () => text.value.trim() && to.value.trim();
  effect(() => () => clearTimeout(waiting));
  function onInput() {
    clearTimeout(waiting);
    state.value = null;
    runs.end();
    if (isEmpty || !isWhole()) return;
    waiting = setTimeout(() => runs.begin("rules/preview", { ...tried(), rule: rule() }, (answer) => {
      const known = new Set(all.map((/** @type {any} */ each) => each.name));
      const added = answer.rules.find((/** @type {any} */ each) => !known.has(each.name));
      return h("div", { role: "status" }, "The rule would take: ", matches(added, tried().path.path ?? ""));
    }), SETTLED_MS);
  }
  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    clearTimeout(waiting);
    runs.end();
    try {
      const { name } = await post("rules", rule());
      changed(`The rule ${name} was added.`);
    } catch (error) { state.value = problemBox(error); }
  }
  return h("form", { class: "new", onsubmit: submit, oninput: onInput },
    h("div", { class: "fields" }, labelled("Files that", kind), labelled("Extension or beginning", text), labelled("Go to the folder", to, "below the organized folder")),
    h("p", { class: "actions" }, submitButton("Add the rule", { class: "button" })),
    runs.shown, () => state.value);
}

const words = (/** @type {string} */ text) => text.toLowerCase().split(/[\s,]+/).map((each) => each.replace(/^\./, "")).filter(Boolean);

/** @param {(words: string) => void} changed */
function newCategory(changed) {
  const [name, extensions] = [1, 2].map(() => textField({ required: true }));
  const state = signal(/** @type {any} */ (null));
  return h("form", { onsubmit: async (/** @type {Event} */ event) => {
    event.preventDefault();
    try {
      await post("categories", { name: name.value.trim(), extensions: words(extensions.value) });
      changed(`The category ${name.value.trim()} was added.`);
      name.value = extensions.value = "";
      state.value = null;
    } catch (error) { state.value = problemBox(error); }
  } },
  h("div", { class: "fields" }, labelled("Name", name), labelled("Extensions", extensions, "such as: nes gba +iso; + takes it from another category"),
    h("p", { class: "field" }, submitButton("Add the category", { class: "button" }))),
  () => state.value);
}

/** @param {any} each @param {(words: string) => void} changed @param {{value: any}} matched */
function category(each, changed, matched) {
  const isOpen = signal(false);
  const state = signal(/** @type {any} */ (null));
  const path = `categories/${encodeURIComponent(each.name)}`;
  const change = async (/** @type {string} */ method, /** @type {any} */ body, /** @type {string} */ told) => {
    try {
      await fetched(path, { method, body });
      changed(told);
    } catch (error) { state.value = problemBox(error); }
  };
  const field = textField({ value: each.extensions.join(" "), id: `extensions-${each.id}` });
  const save = (/** @type {Event} */ event) => {
    event.preventDefault();
    const wanted = words(field.value);
    change("PUT", {
      extensions: wanted.filter((one) => !each.extensions.includes(one)), without: each.extensions.filter((/** @type {string} */ one) => !wanted.includes(one)),
    }, `The category ${each.name} was changed.`);
  };
  return h("li", {},
    h("div", { class: "category-head" }, h("b", {}, each.name), h("span", { class: "quiet" }, ` ${plural(each.extensions.length, "extension")}${each.is_custom ? ", your own" : ""}`),
      link("Edit", () => (isOpen.value = !isOpen.value), { "aria-expanded": () => String(isOpen.value) }, h("span", { class: "unseen" }, ` ${each.name}`))),
    () => (isOpen.value ? h("form", { onsubmit: save }, labelled("Extensions", field), h("p", { class: "actions" }, submitButton("Save", { class: "button" }),
      each.is_custom && button("Remove", () => change("DELETE", undefined, `The category ${each.name} was removed.`))))
      : h("p", { class: "quiet extensions" }, each.extensions.slice(0, 24).join(" "), each.extensions.length > 24 ? " …" : "")),
    () => matched.value && matches(matched.value.categories.find((/** @type {any} */ one) => one.category === each.name), matched.value.root),
    () => state.value);
}
