// Rules: the categories with their extensions, and the rules of the configuration in the order in which they decide.

import { fetched, get, post } from "./api.js";
import { button, labelled, later, link, plural, problemBox, said, textField } from "./parts.js";
import { h, signal } from "./signal.js";

/** @param {any} about */
export function rules(about) {
  const version = signal(0);
  const changed = (/** @type {string} */ words) => { said.value = words; version.value += 1; };
  return h("div", {}, h("h1", {}, "Rules"),
    h("p", { class: "quiet" }, "Kept in ", h("span", { class: "path" }, about.configuration), "; the commands read the same file."),
    h("section", { class: "card", "aria-labelledby": "rules-title" }, h("h2", { id: "rules-title" }, "Rules, in the order in which they decide"),
      () => { version.value; return later(get("rules"), ruleList); }),
    h("section", { class: "card", "aria-labelledby": "categories-title" }, h("h2", { id: "categories-title" }, "Categories"), newCategory(changed),
      () => { version.value; return later(get("categories"), ({ categories }) => h("ul", { class: "categories" }, categories.map((/** @type {any} */ each) => category(each, changed)))); }));
}

/** @param {any} found */
function ruleList({ rules: all, findings }) {
  if (!all.length) return h("p", { class: "quiet" }, "There are no rules: files go to the folder of their category. Drag a file to another folder in a plan to make one.");
  return [h("ol", { class: "plain-list" }, all.map((/** @type {any} */ rule) => h("li", {},
    h("b", {}, rule.name), h("span", { class: "quiet" }, rule.keep ? " keeps its files in place" : rule.to === null ? " moves its files to the trash" : ` ${rule.action ?? "move"} to `),
    rule.to !== null && h("span", { class: "path" }, rule.to), !rule.enabled && h("span", { class: "quiet" }, ", switched off")))),
  findings.map((/** @type {any} */ each) => h("p", { class: "warn" }, `${each.rule}: ${each.message}.`, each.hint && h("span", { class: "quiet" }, ` ${each.hint}.`)))];
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
    h("p", { class: "field" }, h("button", { type: "submit", class: "button" }, "Add the category"))),
  () => state.value);
}

/** @param {any} each @param {(words: string) => void} changed */
function category(each, changed) {
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
    () => (isOpen.value ? h("form", { onsubmit: save }, labelled("Extensions", field), h("p", { class: "actions" }, h("button", { type: "submit", class: "button" }, "Save"),
      each.is_custom && button("Remove", () => change("DELETE", undefined, `The category ${each.name} was removed.`))))
      : h("p", { class: "quiet extensions" }, each.extensions.slice(0, 24).join(" "), each.extensions.length > 24 ? " …" : "")),
    () => state.value);
}
