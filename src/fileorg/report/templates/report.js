// The table of records: only visible rows are elements. Names are inserted as text, never as HTML.

const TALLEST = 8_000_000; // browsers limit the height of elements somewhere above this
const SPARE_ROWS = 8;
const PRINTED = 1_000;
const TYPING_MS = 150;
const SETTLED_MS = 160;

const byId = (id) => document.getElementById(id);
const counted = (number) => number.toLocaleString("en-US");
const grid = byId("grid");
const body = byId("rows");
const layer = byId("layer");
const heads = [...grid.querySelectorAll("[role=columnheader]")];
const columns = heads.map((head) => head.dataset.key);
const filter = { text: byId("text"), status: byId("status"), category: byId("category") };

let records;
let view = new Uint32Array(0); // the matching rows, in the order shown
let meant = null; // one byte per row; null while all rows match
let sorting = { column: columns.includes("status") ? "status" : "", descending: false };
let selected = -1; // a position in the view
let top_ = 0; // pixels of the rows above the visible part
let lastScroll = 0;
let work = 0; // the number of the last job; older jobs are stale
let filterDue = false; // stays true if a started filter was abandoned
let settling;

function sizeText(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  let unit = -1;
  while (bytes >= 1023.95) {
    bytes /= 1024;
    unit++;
  }
  const [whole, tenth] = bytes.toFixed(1).split(".");
  return `${counted(Number(whole))}.${tenth} ${"KMGTPE"[unit]}B`;
}

function timeText(seconds) {
  const time = new Date(seconds * 1000);
  if (!seconds || Number.isNaN(time.getTime())) return "";
  const two = (number) => String(number).padStart(2, "0");
  const day = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join("-");
  return `${day} ${two(time.getHours())}:${two(time.getMinutes())}`;
}

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

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

const rowHeight = () => parseFloat(getComputedStyle(grid).getPropertyValue("--row"));
const inSight = () => grid.clientHeight - body.offsetTop;
const allHeight = () => view.length * rowHeight();
const deepest = () => Math.max(0, allHeight() - inSight());
/** Return pixels of rows per pixel of scrolling: more than 1 only if the table is too tall for a browser. */
const scale = () => {
  const room = Math.min(allHeight(), TALLEST) - inSight();
  return room > 0 ? deepest() / room : 1;
};

function paint() {
  const height = rowHeight();
  const first = Math.max(0, Math.floor(top_ / height) - SPARE_ROWS);
  const end = Math.min(view.length, Math.ceil((top_ + inSight()) / height) + SPARE_ROWS);
  while (layer.children.length < end - first) layer.append(newRow());
  while (layer.children.length > end - first) layer.lastChild.remove();
  for (let at = first; at < end; at++) {
    const line = layer.children[at - first];
    line.id = `row-${at}`;
    line.dataset.at = at;
    line.setAttribute("aria-rowindex", at + 2);
    line.setAttribute("aria-selected", at === selected);
    columns.forEach((column, cell) => fill(line.children[cell], view[at], column));
  }
  layer.style.transform = `translateY(${grid.scrollTop + first * height - top_}px)`;
  const isShown = selected >= first && selected < end;
  if (isShown) grid.setAttribute("aria-activedescendant", `row-${selected}`);
  else grid.removeAttribute("aria-activedescendant");
}

function scrollTo(pixels) {
  top_ = Math.min(Math.max(0, pixels), deepest());
  grid.scrollTop = top_ / scale();
  lastScroll = grid.scrollTop;
  paint();
}

/** Short distances scroll by the same number of pixels in rows, even if the scroll bar is scaled. */
function onScroll() {
  const way = grid.scrollTop - lastScroll;
  if (way === 0) return;
  lastScroll = grid.scrollTop;
  const isAtEnd = lastScroll <= 0 || lastScroll >= grid.scrollHeight - grid.clientHeight - 1;
  const isShort = scale() > 1 && Math.abs(way) < inSight() && !isAtEnd;
  top_ = Math.min(Math.max(0, isShort ? top_ + way : lastScroll * scale()), deepest());
  paint();
  clearTimeout(settling);
  if (scale() > 1) settling = setTimeout(() => scrollTo(top_), SETTLED_MS);
}

function layOut() {
  body.style.height = `${Math.min(allHeight(), TALLEST)}px`;
  grid.setAttribute("aria-rowcount", view.length + 1);
  scrollTo(top_);
  if (selected >= 0) bringIntoSight(selected);
}

function bringIntoSight(at) {
  const [above, height] = [at * rowHeight(), rowHeight()];
  if (above < top_) scrollTo(above);
  else if (above + height > top_ + inSight()) scrollTo(above + height - inSight());
  else paint();
}

function select(at) {
  if (!view.length) return;
  selected = Math.min(Math.max(0, at), view.length - 1);
  bringIntoSight(selected);
  showDetails(view[selected]);
  byId("details").scrollIntoView({ block: "nearest", behavior: "instant" });
}

function showDetails(row) {
  const facts = [];
  const whole = (place) => place && records.fullPath(...place);
  facts.push([columns.includes("to") ? "From" : "File", whole(records.place(row, "from"))], ["To", whole(records.place(row, "to"))]);
  facts.push(["Reason", records.reasonOf(row)], ["Kept", records.keeperOf(row)]);
  facts.push(["Status", textOf(row, "status")], ["Action", records.word(records.action[row])]);
  facts.push(["Category", textOf(row, "category")]);
  facts.push(["Size", textOf(row, "size") && `${textOf(row, "size")} (${counted(records.size[row])} bytes)`]);
  facts.push(["Changed", columns.includes("changed") && textOf(row, "changed")]);
  facts.push(["Record", records.id[row] && counted(records.id[row])]);
  const told = facts.filter(([, text]) => text).map(([title, text]) => {
    const fact = element("div", title.length > 4 || title === "Size" ? "" : "wide");
    fact.append(element("dt", "", title), element("dd", "", text));
    return fact;
  });
  byId("facts").replaceChildren(...told);
  byId("details").hidden = false;
}

function forgetSelection() {
  selected = -1;
  byId("details").hidden = true;
}

function onKey(event) {
  if (event.target !== grid || event.altKey || event.ctrlKey || event.metaKey) return;
  const page = Math.max(1, Math.floor(inSight() / rowHeight()) - 1);
  const start = selected < 0 ? Math.ceil(top_ / rowHeight()) - 1 : selected;
  const goal = {
    ArrowDown: start + 1, ArrowUp: Math.max(start, 1) - 1, PageDown: start + page, PageUp: start - page,
    Home: 0, End: view.length - 1,
  }[event.key];
  if (goal !== undefined) select(goal);
  else if (event.key === "Enter" && selected >= 0) byId("details").focus();
  else if (event.key === "Escape") {
    forgetSelection();
    paint();
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
  top_ = 0;
  forgetSelection();
  layOut();
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
  grid.addEventListener("scroll", onScroll, { passive: true });
  grid.addEventListener("keydown", onKey);
  grid.addEventListener("focus", () => selected < 0 && grid.matches(":focus-visible") && select(Math.ceil(top_ / rowHeight())));
  layer.addEventListener("click", (event) => {
    const line = event.target.closest(".row");
    if (line && getSelection().isCollapsed) select(Number(line.dataset.at));
  });
  byId("details").addEventListener("keydown", (event) => event.key === "Escape" && grid.focus());
  byId("close").addEventListener("click", () => {
    grid.focus();
    forgetSelection();
    paint();
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
  new ResizeObserver(layOut).observe(grid);
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
    + "Use a browser from 2023 or later, or fileorg report --format csv.";
}
