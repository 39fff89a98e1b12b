// A treemap: rectangles whose areas are as the sizes, as square as they can be.

import { counted, sizeText } from "/report/figures.js";
import { h } from "./signal.js";
import { plural } from "./parts.js";

/**
 * Return a rectangle for each size, which is above zero; sizes descend.
 * @param {number[]} sizes @param {number} width @param {number} height
 * @returns {{x: number, y: number, width: number, height: number}[]}
 */
function rectangles(sizes, width, height) {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const areas = sizes.map((size) => (size / total) * width * height);
  const found = [];
  let [x, y, wide, high] = [0, 0, width, height];
  for (let at = 0; at < areas.length;) {
    const side = Math.min(wide, high);
    let [end, sum] = [at + 1, areas[at]];
    while (end < areas.length && worst(areas, at, end + 1, sum + areas[end], side) <= worst(areas, at, end, sum, side)) sum += areas[end++];
    const thick = sum / side;
    let along = 0;
    for (; at < end; at++) {
      const long = areas[at] / thick;
      found.push(wide >= high ? { x, y: y + along, width: thick, height: long } : { x: x + along, y, width: long, height: thick });
      along += long;
    }
    if (wide >= high) [x, wide] = [x + thick, wide - thick];
    else [y, high] = [y + thick, high - thick];
  }
  return found;
}

/** Return the worst ratio of sides in a strip. @param {number[]} areas @param {number} start @param {number} end @param {number} sum @param {number} side */
function worst(areas, start, end, sum, side) {
  const [most, least] = [Math.max(...areas.slice(start, end)), Math.min(...areas.slice(start, end))];
  return Math.max((side * side * most) / (sum * sum), (sum * sum) / (side * side * least));
}

const [NARROW, LOW] = [62, 40];
const PHONE = 820;

/** Return the space by category as a picture, with the same as a table beside it. @param {{category: string, files: number, size_bytes: number}[]} categories */
export function treemap(categories) {
  const shares = categories.filter((each) => each.size_bytes > 0).sort((a, b) => b.size_bytes - a.size_bytes);
  const [width, height] = innerWidth > PHONE ? [720, 260] : [340, 240];
  const places = rectangles(shares.map((each) => each.size_bytes), width, height);
  const tiles = shares.map((share, at) => {
    const { x, y, width: wide, height: high } = places[at];
    const name = share.category || "Unknown type";
    const fits = wide > Math.max(NARROW, name.length * 8.7 + 18, sizeText(share.size_bytes).length * 7.4 + 18) && high > LOW;
    return h("svg:g", { class: `tile of-${at % 8}` },
      h("svg:rect", { x: x + 1, y: y + 1, width: Math.max(wide - 2, 0.5), height: Math.max(high - 2, 0.5), rx: 4 }),
      h("svg:title", {}, `${name}: ${sizeText(share.size_bytes)} in ${plural(share.files, "file")}`),
      fits && h("svg:text", { x: x + 10, y: y + 21 }, name),
      fits && h("svg:text", { class: "less", x: x + 10, y: y + 38 }, sizeText(share.size_bytes)));
  });
  const rows = shares.map((share, at) => h("tr", {},
    h("th", { scope: "row" }, h("span", { class: `dot of-${at % 8}`, "aria-hidden": "true" }), share.category || "Unknown type"),
    h("td", { class: "number" }, counted(share.files)), h("td", { class: "number" }, sizeText(share.size_bytes))));
  return h("div", { class: "space" },
    h("svg:svg", { class: "treemap", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Space by category; the table has the same figures" }, tiles),
    h("table", {},
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Category"), h("th", { scope: "col", class: "number" }, "Files"), h("th", { scope: "col", class: "number" }, "Size"))),
      h("tbody", {}, rows)));
}
