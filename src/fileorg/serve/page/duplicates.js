// Duplicates: groups, the largest waste first; pictures side by side; keep from a folder; trash or links.

import { counted, sizeText } from "/report/figures.js";
import { follow, get, place, post, Problem } from "./api.js";
import { makePlan } from "./organize.js";
import { labelled, later, plural, problemBox, progressBar, select, shortPath } from "./parts.js";
import { pathText } from "./shown.js";
import { h, signal } from "./signal.js";

const AT_ONCE = 25;
const PICTURE = /\.(png|jpe?g|gif|bmp|webp|avif)$/i;

/** @param {any} about */
export function duplicates(about) {
  const version = signal(0);
  const chosen = signal(/** @type {any} */ (null));
  return h("div", {}, h("h1", {}, "Duplicates"), search(about, (root) => { chosen.value = root; version.value += 1; }),
    () => (version.value ? found(chosen.value) : null));
}

/** @param {any} about @param {(root: any) => void} done */
function search(about, done) {
  const roots = about.roots.filter((/** @type {any} */ root) => root.is_there);
  const folder = select(roots.map((/** @type {any} */ root, /** @type {number} */ at) => [String(at), pathText(root)]));
  const state = signal(/** @type {any} */ (null));
  const isBusy = signal(false);
  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    isBusy.value = true;
    const root = roots[Number(folder.value)];
    const progress = signal(/** @type {any} */ (null));
    try {
      const { run } = await post("searches", { paths: [place(root)] });
      state.value = h("div", {}, h("p", { class: "quiet" }, "Comparing files …"), progressBar(() => progress.value, "Looking for duplicates"));
      follow(`runs/${run}`, (told) => {
        progress.value = told.run?.progress ?? null;
        if (!told.last) return;
        isBusy.value = false;
        const { answer, problem } = told.run ?? told;
        if (problem) { state.value = problemBox(new Problem(problem)); return; }
        const { groups, duplicate_files: copies, reclaimable_bytes: bytes } = answer.summary;
        state.value = h("p", { role: "status" }, groups ? `${plural(copies, "duplicate")} in ${plural(groups, "group")}; ${sizeText(bytes)} can be freed.` : "No duplicates were found.");
        if (groups) done(root);
      });
    } catch (error) {
      isBusy.value = false;
      state.value = problemBox(error);
    }
  }
  return h("form", { class: "card form", onsubmit: submit },
    h("div", { class: "fields" }, labelled("Folder", folder)),
    h("p", { class: "actions" }, h("button", { type: "submit", class: "button primary", disabled: () => isBusy.value || !roots.length }, "Find duplicates"),
      h("span", { class: "quiet" }, "Files with the same content, by content alone.")),
    () => state.value);
}

/** @param {any} root */
function found(root) {
  const page = signal(1);
  const keep = signal("");
  const state = signal(/** @type {any} */ (null));
  const isBusy = signal(false);
  const action = select([["quarantine", "Move duplicates to the trash"], ["hardlink", "Replace them by hard links"], ["symlink", "Replace them by symlinks"], ["reflink", "Share blocks (btrfs, XFS)"]]);
  const rule = select([["", "The usual one: a clean name, then the oldest"], ["newest", "The newest"], ["shortest-path", "The shortest path"], ["largest-folder", "The one in the largest folder"]]);
  const plan = () => {
    isBusy.value = true;
    /** @type {Record<string, any>} */
    const wanted = { kind: "dedupe", paths: [place(root)], action: action.value };
    if (keep.peek()) wanted.reference = [{ path: keep.peek() }];
    if (rule.value) wanted.keep = [rule.value];
    makePlan(wanted, state, () => (isBusy.value = false));
  };
  return h("section", { class: "card", "aria-labelledby": "groups-title" },
    h("h2", { id: "groups-title" }, "Groups"),
    h("div", { class: "fields" }, labelled("Action", action), labelled("Keep", rule)),
    () => keep.value && h("p", {}, "All files in ", h("span", { class: "path" }, keep.value), " are kept. ", h("button", { type: "button", class: "plain", onclick: () => (keep.value = "") }, "Do not keep them")),
    h("p", { class: "actions" }, h("button", { type: "button", class: "button primary", disabled: () => isBusy.value, onclick: plan }, "Make a plan"), h("span", { class: "quiet" }, "Each duplicate is compared byte by byte before anything happens to it.")),
    () => state.value,
    () => later(get(`duplicates?page=${page.value}&page_size=${AT_ONCE}`), ({ duplicates: groups, total }) => [
      h("ol", { class: "groups", start: (page.peek() - 1) * AT_ONCE + 1 }, groups.map((/** @type {any} */ group) => groupItem(group, root, (folder) => (keep.value = folder)))),
      h("p", { class: "actions pages" }, h("span", { class: "quiet number" }, `${plural(total, "group")}, page ${counted(page.peek())} of ${counted(Math.max(1, Math.ceil(total / AT_ONCE)))}`),
        page.peek() > 1 && h("button", { type: "button", class: "button", onclick: () => (page.value -= 1) }, "Back"),
        page.peek() * AT_ONCE < total && h("button", { type: "button", class: "button", onclick: () => (page.value += 1) }, "Next"))]));
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
      !file.path_b64 && folderOf(file.path) !== root.path && h("button", { type: "button", class: "plain", onclick: () => keepFrom(folderOf(file.path)) }, "Keep from this folder", h("span", { class: "unseen" }, ` ${folderOf(file.path)}`))))),
    isPicture && group.files.length > 1 && h("button", { type: "button", class: "plain", "aria-expanded": () => String(isOpen.value), onclick: () => (isOpen.value = !isOpen.value) }, () => (isOpen.value ? "Hide the pictures" : "Show side by side")),
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
