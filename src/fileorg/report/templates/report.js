// The table of records: only visible rows are elements. Names are inserted as text, never as HTML.

const PRINTED = 1_000;
const TYPING_MS = 150;

const byId = (id) => document.getElementById(id);
const grid = byId("grid");
const heads = [...grid.querySelectorAll("[role=columnheader]")];
const columns = heads.map((head) => head.dataset.key);
const titles = Object.fromEntries(heads.map((head) => [head.dataset.key, head.textContent.trim()]));
const filter = { text: byId("text"), status: byId("status"), category: byId("category") };

const list = new VirtualList(grid, byId("rows"), byId("layer"), { prefix: "row", newRow, fill: fillRow, selected: selectedRow });

let records;
let view = new Uint32Array(0); // the matching rows, in the order shown
let meant = null; // one byte per row; null while all rows match
let sorting = { column: columns.includes("status") ? "status" : "", descending: false };
let work = 0; // the number of the last job; older jobs are stale
let filterDue = false; // stays true if a started filter was abandoned

/** Return the text of a column for a record. The target of a file that keeps its name is its folder. */
function textOf(row, column) {
  switch (column) {
    case "status": return records.word(records.status[row]);
    case "category": return records.word(records.category[row]) || "–";
    case "size": return records.size[row] > 0 || (records.from[row] && !records.size[row]) ? sizeText(records.size[row]) : ""; // folders have none
    case "changed": return timeText(records.changed[row]);
    case "reason": return records.reasonOf(row) || records.word(records.action[row]);
    default: return partsOf(row, column).join("");
  }
}

/** Return [folder, name], the folder with its slash. */
function partsOf(row, column) {
  const [folder, name] = records.place(row, column) ?? ["", ""];
  const isKept = column === "to" && name && !records.newNames.has(row);
  const shown = folder || (isKept ? "." : "");
  return [shown && `${shown}/`.replace("//", "/"), isKept ? "" : name];
}

function fill(cell, row, column) {
  if (column === "status") {
    const text = textOf(row, column);
    cell.replaceChildren(element("span", `status is-${text}`, text));
  } else if (column === "from" || column === "to") {
    const [folder, name] = partsOf(row, column);
    cell.replaceChildren(element("span", "folder", folder), element("span", "name", name));
    cell.title = folder + name;
  } else {
    cell.textContent = textOf(row, column);
    if (column === "reason") cell.title = cell.textContent;
  }
}

function newRow() {
  const made = element("div", "row");
  made.setAttribute("role", "row");
  for (const column of columns) {
    const cell = element("div", `cell of-${column}`);
    cell.setAttribute("role", "gridcell");
    made.append(cell);
  }
  return made;
}

function fillRow(line, at) {
  line.setAttribute("aria-rowindex", at + 2);
  columns.forEach((column, cell) => fill(line.children[cell], view[at], column));
}

function selectedRow(at) {
  showDetails(view[at]);
  byId("details").scrollIntoView({ block: "nearest", behavior: "instant" });
}

function showDetails(row) {
  const facts = [];
  const whole = (place) => place && records.fullPath(...place);
  facts.push([titles.from, whole(records.place(row, "from")), true], [titles.to, whole(records.place(row, "to")), true]);
  facts.push(["Reason", records.reasonOf(row)], ["Kept", records.keeperOf(row), true]);
  facts.push(["Status", textOf(row, "status")], ["Action", records.word(records.action[row])]);
  facts.push(["Category", columns.includes("category") && textOf(row, "category")]);
  facts.push(["Size", textOf(row, "size") && `${textOf(row, "size")} (${counted(records.size[row])} bytes)`]);
  facts.push(["Changed", columns.includes("changed") && textOf(row, "changed")]);
  facts.push(["Record", records.id[row] && counted(records.id[row])]);
  const told = facts.filter(([, text]) => text).map(([title, text, isWide]) => {
    const fact = element("div", isWide ? "wide" : "");
    fact.append(element("dt", "", title), element("dd", "", text));
    return fact;
  });
  byId("facts").replaceChildren(...told);
  byId("details").hidden = false;
}

function forgetSelection() {
  list.selected = -1;
  byId("details").hidden = true;
}

function onKey(event) {
  if (event.target !== grid || event.altKey || event.ctrlKey || event.metaKey) return;
  const goal = list.goal(event.key);
  if (goal !== undefined) list.select(goal);
  else if (event.key === "Enter" && list.selected >= 0) byId("details").focus();
  else if (event.key === "Escape") {
    forgetSelection();
    list.paint();
  } else return;
  event.preventDefault();
}

/** Sort and filter again. A later request makes this one stale. */
async function refresh({ filtered }) {
  filterDue ||= filtered;
  const mine = ++work;
  const isStale = () => mine !== work;
  grid.setAttribute("aria-busy", "true");
  if (filterDue) {
    const wanted = { text: filter.text.value.trim(), status: filter.status.value, category: filter.category.value };
    const all = !wanted.text && !wanted.status && !wanted.category;
    const found = all ? null : await records.meant(wanted, isStale);
    if (isStale()) return;
    [meant, filterDue] = [found, false];
  }
  const order = await records.order(sorting.column);
  if (isStale()) return;
  const rows = meant ? order.filter((row) => meant[row]) : order.slice();
  view = sorting.descending ? rows.reverse() : rows;
  list.length = view.length;
  list.top = 0;
  forgetSelection();
  grid.setAttribute("aria-rowcount", view.length + 1);
  list.layOut();
  for (const head of heads) {
    const isIt = head.dataset.key === sorting.column;
    head.setAttribute("aria-sort", !isIt ? "none" : sorting.descending ? "descending" : "ascending");
  }
  byId("count").textContent = `${counted(view.length)} of ${counted(records.length)}`;
  byId("nothing").hidden = view.length > 0;
  grid.setAttribute("aria-busy", "false");
}

function sortBy(column) {
  const isSame = sorting.column === column;
  // Start with the largest, or the latest.
  const descending = isSame ? !sorting.descending : column === "size" || column === "changed";
  sorting = { column, descending };
  refresh({ filtered: false });
}

function offer(choice, texts) {
  for (const text of texts) choice.append(element("option", "", text));
}

/** Expand folded sections and show the first rows for printing. */
const paper = {
  unfolded: [],
  fill() {
    if (!byId("printed").hidden) return;
    this.unfolded = [...document.querySelectorAll("details:not([open])")];
    for (const folded of this.unfolded) folded.open = true;
    byId("printed").hidden = false;
    const rows = [...view.subarray(0, PRINTED)].map((row) => {
      const line = element("tr");
      line.append(...columns.map((column) => element("td", `of-${column}`, textOf(row, column))));
      return line;
    });
    byId("printed-rows").replaceChildren(...rows);
    const left = view.length - rows.length;
    const filtered = records && view.length < records.length ? ` The filter shows ${counted(view.length)} of ${counted(records.length)}.` : "";
    byId("printed-note").textContent = !records?.length ? "The records are not loaded yet."
      : (left ? `The first ${counted(rows.length)} records; ${counted(left)} more are not printed.` : `All ${counted(rows.length)} records.`) + filtered;
  },
  clear() {
    byId("printed").hidden = true;
    byId("printed-rows").replaceChildren();
    for (const folded of this.unfolded) folded.open = false;
    this.unfolded = [];
  },
};

function listen() {
  list.listen();
  grid.addEventListener("keydown", onKey);
  grid.addEventListener("focus", () => list.selected < 0 && grid.matches(":focus-visible") && list.select(list.first));
  list.layer.addEventListener("click", (event) => {
    const line = event.target.closest(".row");
    if (line && getSelection().isCollapsed) list.select(Number(line.dataset.at));
  });
  byId("details").addEventListener("keydown", (event) => event.key === "Escape" && grid.focus());
  byId("close").addEventListener("click", () => {
    grid.focus();
    forgetSelection();
    list.paint();
  });
  for (const head of heads) head.firstElementChild.addEventListener("click", () => sortBy(head.dataset.key));
  let typing;
  filter.text.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => refresh({ filtered: true }), TYPING_MS);
  });
  for (const choice of [filter.status, filter.category]) {
    choice?.addEventListener("change", () => refresh({ filtered: true }));
  }
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("filters").addEventListener("reset", () => setTimeout(() => refresh({ filtered: true })));
  for (const button of document.querySelectorAll("button.find")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      byId("filters").reset();
      filter.status.value = button.dataset.status;
      filter.text.value = records.partOfReasons(button.dataset.reason);
      byId("records").scrollIntoView();
      filter.text.focus({ preventScroll: true });
    });
  }
}

async function read() {
  const blocks = [...document.querySelectorAll("script.data")];
  let told = 0;
  for await (const line of linesOf(blocks)) {
    const value = JSON.parse(line);
    if (!records) {
      records = new Records(value);
      continue;
    }
    records.add(value);
    const tenth = Math.floor((10 * records.length) / records.id.length);
    if (tenth > told) {
      told = tenth;
      byId("progress").textContent = `Loading records: ${counted(records.length)} of ${counted(records.id.length)}`;
    }
    await breathe();
  }
}

addEventListener("beforeprint", () => paper.fill());
addEventListener("afterprint", () => paper.clear());
matchMedia("print").addEventListener("change", (media) => (media.matches ? paper.fill() : paper.clear()));

try {
  await read();
  byId("table").hidden = false;
  byId("progress").hidden = true;
  offer(filter.status, records.wordsOf("status"));
  offer(filter.category, records.wordsOf("category"));
  listen();
  await refresh({ filtered: false });
} catch (problem) {
  byId("progress").textContent = `This browser could not load the records (${problem.message}). `
    + `Use a browser from 2023 or later, or ${byId("progress").dataset.otherwise}.`;
}
