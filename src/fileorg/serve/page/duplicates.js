// Duplicates: groups, the largest waste first; pictures side by side; keep from a folder; trash or links.

import { sizeText } from "/report/figures.js";
import { get, place } from "./api.js";
import { button, labelled, later, link, pager, pathIn, plural, rootSelect, select, shortPath, submitButton } from "./parts.js";
import { planner, runner } from "./runs.js";
import { pathText } from "./shown.js";
import { h, signal } from "./signal.js";

const AT_ONCE = 25;
const PICTURE = /\.(png|jpe?g|gif|bmp|webp|avif)$/i;

/** @param {any} about @param {string[]} rest */
export function duplicates(about, rest) {
  const version = signal(0);
  const chosen = signal(/** @type {any} */ (null));
  return h("div", {}, h("h1", {}, "Duplicates"), search(about, pathIn(rest), (root) => { chosen.value = root; version.value += 1; }),
    () => (version.value ? found(chosen.value) : null));
}

/** @param {any} about @param {string} first @param {(root: any) => void} done */
function search(about, first, done) {
  const folder = rootSelect(about, first);
  const runs = runner("Looking for duplicates");
  /** @param {Event} event */
  function submit(event) {
    event.preventDefault();
    const root = folder.root();
    runs.begin("searches", { paths: [place(root)] }, ({ summary: { groups, duplicate_files: copies, reclaimable_bytes: bytes } }) => {
      if (groups) done(root);
      return h("p", { role: "status" }, groups ? `${plural(copies, "duplicate")} in ${plural(groups, "group")}; ${sizeText(bytes)} can be freed.` : "No duplicates were found.");
    });
  }
  return h("form", { class: "card form", onsubmit: submit },
    h("div", { class: "fields" }, folder.shown),
    h("p", { class: "actions" }, submitButton("Find duplicates", { disabled: () => runs.isBusy.value || folder.isEmpty }),
      h("span", { class: "quiet" }, "Files with the same content, by content alone.")),
    runs.shown);
}

/** @param {any} root */
function found(root) {
  const page = signal(1);
  const keep = signal("");
  const plans = planner();
  const action = select([["quarantine", "Move duplicates to the trash"], ["hardlink", "Replace them by hard links"], ["symlink", "Replace them by symlinks"], ["reflink", "Share blocks (btrfs, XFS)"]]);
  const rule = select([["", "The usual one: a clean name, then the oldest"], ["newest", "The newest"], ["shortest-path", "The shortest path"], ["largest-folder", "The one in the largest folder"]]);
  const plan = () => {
    /** @type {Record<string, any>} */
    const wanted = { kind: "dedupe", paths: [place(root)], action: action.value };
    if (keep.peek()) wanted.reference = [{ path: keep.peek() }];
    if (rule.value) wanted.keep = [rule.value];
    plans.make(wanted, "There is nothing to remove: all files stay where they are.");
  };
  return h("section", { class: "card", "aria-labelledby": "groups-title" },
    h("h2", { id: "groups-title" }, "Groups"),
    h("div", { class: "fields" }, labelled("Action", action), labelled("Keep", rule)),
    () => keep.value && h("p", {}, "All files in ", h("span", { class: "path" }, keep.value), " are kept. ", link("Do not keep them", () => (keep.value = ""))),
    h("p", { class: "actions" }, button("Make a plan", plan, { class: "button primary", disabled: () => plans.isBusy.value }), h("span", { class: "quiet" }, "Each duplicate is compared byte by byte before anything happens to it.")),
    plans.shown,
    () => later(get(`duplicates?page=${page.value}&page_size=${AT_ONCE}`), ({ duplicates: groups, total }) => [
      h("ol", { class: "groups", start: (page.peek() - 1) * AT_ONCE + 1 }, groups.map((/** @type {any} */ group) => groupItem(group, root, (folder) => (keep.value = folder)))),
      pager(page, total, AT_ONCE, "group")]));
}

/** @param {any} group @param {any} root @param {(folder: string) => void} keepFrom */
function groupItem(group, root, keepFrom) {
  const each = group.files[0]?.size_bytes ?? 0;
  const isPicture = PICTURE.test(group.files[0]?.path ?? "");
  const isOpen = signal(false);
  const below = (/** @type {string} */ path) => path.replace(`${pathText(root)}/`, "");
  const folderOf = (/** @type {string} */ path) => path.slice(0, path.lastIndexOf("/")) || "/";
  return h("li", {},
    h("p", { class: "group-head" }, h("b", { class: "path" }, shortPath(pathText(group.files[0]))), h("span", { class: "quiet" }, ` ${group.files.length} files of ${sizeText(each)}`),
      h("span", { class: "number" }, sizeText(each * (group.files.length - 1)))),
    h("ul", { class: "plain-list" }, group.files.map((/** @type {any} */ file) => h("li", {},
      h("span", { class: "path" }, below(pathText(file))), file.status === "keeper" ? h("span", { class: "quiet" }, " kept") : null, " ",
      !file.path_b64 && folderOf(file.path) !== root.path && link("Keep from this folder", () => keepFrom(folderOf(file.path)), {}, h("span", { class: "unseen" }, ` ${folderOf(file.path)}`))))),
    isPicture && group.files.length > 1 && link(() => (isOpen.value ? "Hide the pictures" : "Show side by side"), () => (isOpen.value = !isOpen.value), { "aria-expanded": () => String(isOpen.value) }),
    () => isOpen.value && sideBySide(group.files));
}

/** Two pictures over each other, with a border between them that a slider moves. @param {any[]} files */
function sideBySide(files) {
  const source = (/** @type {any} */ file) => `/api/v1/thumbnails?${new URLSearchParams(/** @type {any} */ (place(file)))}`;
  const second = signal(1);
  const frame = h("div", { class: "both" },
    h("img", { alt: `The picture ${pathText(files[0])}`, src: source(files[0]) }),
    h("img", { class: "over", alt: () => `The picture ${pathText(files[second.value])}`, src: () => source(files[second.value]) }));
  const slider = h("input", { type: "range", min: 0, max: 100, value: 50, "aria-label": "How much of the first picture is shown",
    oninput: () => frame.style.setProperty("--at", `${slider.value}%`) });
  frame.style.setProperty("--at", "50%");
  const other = select(files.slice(1).map((file, at) => [String(at + 1), pathText(file)]), { "aria-label": "The other picture", onchange: () => (second.value = Number(other.value)) });
  return h("figure", {}, frame, slider,
    h("figcaption", { class: "quiet" }, "Left: ", h("span", { class: "path" }, pathText(files[0])), ". Right: ", files.length > 2 ? other : h("span", { class: "path" }, pathText(files[1]))));
}
