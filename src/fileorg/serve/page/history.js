// History and reports: all operations, and the files of one.

import { counted, sizeText } from "/report/figures.js";
import { get } from "./api.js";
import { button, canUndo, labelled, later, pager, plural, select, shortPath, statusText, title, undoButton, whenText } from "./parts.js";
import { pathText } from "./shown.js";
import { h, signal } from "./signal.js";

const AT_ONCE = 25;
const FILES = 100;
const STATES = ["done", "undone", "skipped", "conflict", "failed", "missing", "changed", "purged"];

/** @param {any} _about @param {string[]} rest */
export function history(_about, rest) {
  return /^\d+$/.test(rest[0] ?? "") ? oneOperation(Number(rest[0])) : allOperations();
}

/** Return operations as rows of a table. @param {any[]} operations @param {() => void} changed */
export function operationRows(operations, changed) {
  return h("div", { class: "wide" }, h("table", { class: "operations" },
    h("thead", {}, h("tr", {}, ["Operation", "When", "Files", "Size", "Status"].map((name, at) => h("th", { scope: "col", class: at === 2 || at === 3 ? "number" : "" }, name)), h("td", {}))),
    h("tbody", {}, operations.map((each) => h("tr", {},
      h("th", { scope: "row" }, h("a", { href: `#/history/${each.operation}` }, `${title(each.kind)} ${each.operation}`), " ", h("span", { class: "quiet path" }, shortPath(pathText(each, "root")))),
      h("td", {}, whenText(each.started)), h("td", { class: "number" }, counted(each.files)), h("td", { class: "number" }, sizeText(each.size_bytes)),
      h("td", {}, statusText(each), each.problems ? h("span", { class: "bad" }, `, ${plural(each.problems, "problem")}`) : null),
      h("td", { class: "actions" }, canUndo(each) && undoButton(each, changed)))))));
}

function allOperations() {
  const before = signal(/** @type {(number | null)[]} */ ([null]));
  const version = signal(0);
  return h("div", {}, h("h1", {}, "History"), h("section", { class: "card", "aria-label": "Operations" }, () => {
    version.value;
    const pages = before.value;
    const at = pages[pages.length - 1];
    return later(get(`operations?limit=${AT_ONCE}${at ? `&before=${at}` : ""}`), ({ operations, next }) => [
      operations.length ? operationRows(operations, () => (version.value += 1)) : h("p", { class: "quiet" }, "No operations yet."),
      h("p", { class: "actions pages" },
        pages.length > 1 && button("Newer", () => (before.value = pages.slice(0, -1))),
        next && button("Older", () => (before.value = [...pages, next])))]);
  }));
}

/** @param {number} number */
function oneOperation(number) {
  const version = signal(0);
  return h("div", {}, () => {
    version.value;
    return later(get(`operations/${number}`), (operation) => h("div", {},
      h("div", { class: "card-head" },
        h("div", {}, h("h1", {}, `${title(operation.kind)} ${number}`),
          h("p", { class: "lead" }, h("span", {}, statusText(operation)), h("span", {}, whenText(operation.started)), h("span", { class: "path" }, pathText(operation, "root")))),
        h("p", { class: "actions" }, canUndo(operation) && undoButton(operation, () => (version.value += 1)),
          h("span", { class: "quiet" }, "Report:"), ["html", "json", "csv"].map((format) =>
            h("a", { href: `/api/v1/operations/${number}/report?format=${format}`, download: `fileorg-${number}.${format}` }, format.toUpperCase())))),
      h("dl", { class: "figures" },
        [["Files", counted(operation.files)], ["Size", sizeText(operation.size_bytes)], ["Problems", counted(operation.problems)]].map(([name, fact]) => h("div", {}, h("dt", {}, name), h("dd", {}, fact)))),
      filesOf(number)), "Loading …", `Operation ${number}`);
  });
}

/** @param {number} number */
function filesOf(number) {
  const [page, status, sort] = [signal(1), signal(""), signal("record")];
  const by = select([["record", "As it was done"], ["path", "From"], ["new-path", "To"], ["size", "Size"], ["status", "Status"], ["category", "Category"]], {
    id: "sort", onchange: () => { sort.value = by.value; page.value = 1; } });
  const only = select([["", "All"], ...STATES.map((each) => [each, each])], { id: "status", onchange: () => { status.value = only.value; page.value = 1; } });
  return h("section", { class: "card", "aria-labelledby": "files-title" },
    h("h2", { id: "files-title" }, "Files"),
    h("div", { class: "fields" }, labelled("Status", only), labelled("Order", by)),
    () => {
      const query = new URLSearchParams({ operation_id: String(number), page: String(page.value), page_size: String(FILES), sort: sort.value });
      if (status.value) query.set("status", status.value);
      return later(get(`files?${query}`), ({ files, total }) => [
        h("ul", { class: "records" }, files.map(record)), pager(page, total, FILES, "record")]);
    });
}

/** @param {any} file */
function record(file) {
  const [from, to] = [pathText(file), pathText(file, "new_path")];
  return h("li", {}, h("span", { class: `status is-${file.status}` }, file.status),
    h("span", { class: "path" }, from || to, to && from && to !== from ? h("span", { class: "quiet" }, " → ", to) : null, file.reason ? h("span", { class: "quiet why" }, ` ${file.reason}`) : null),
    h("span", { class: "number quiet" }, file.size_bytes === null || file.size_bytes === undefined ? "" : sizeText(file.size_bytes)));
}

