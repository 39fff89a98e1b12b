// Home: the folders, what waits, the space by category, and the last operations with a way back.

import { sizeText } from "/report/figures.js";
import { get, place, post, Problem } from "./api.js";
import { operationRows } from "./history.js";
import { button, later, plural, problemBox, progressBar, shortPath, title } from "./parts.js";
import { followRun } from "./runs.js";
import { pathText } from "./shown.js";
import { effect, h, signal } from "./signal.js";
import { treemap } from "./treemap.js";

/** @param {any} about */
export function home(about) {
  return h("div", {},
    h("h1", {}, "Home"),
    h("p", { class: "lead" }, `These folders can be changed here, and nothing leaves this machine.`),
    waiting(),
    about.roots.map(rootCard),
    h("section", { class: "card", "aria-labelledby": "last-title" },
      h("h2", { id: "last-title" }, "Last operations"), lastOperations()));
}

function lastOperations() {
  const version = signal(0);
  return h("div", {}, () => {
    version.value;
    return later(get("operations?limit=5"), ({ operations }) => (operations.length
      ? [operationRows(operations, () => (version.value += 1)), h("p", {}, h("a", { href: "#/history" }, "All operations"))]
      : h("p", { class: "quiet" }, "No operations yet.")));
  });
}

/** Jobs that wait for a person, or that were interrupted. */
function waiting() {
  const version = signal(0);
  return h("div", {}, () => {
    version.value;
    return later(get("jobs?limit=50"), ({ jobs }) => {
      const found = jobs.filter((/** @type {any} */ job) => ["waiting", "interrupted", "running", "parked"].includes(job.status));
      if (!found.length) return null;
      return h("section", { class: "card waits", "aria-labelledby": "waits-title" },
        h("h2", { id: "waits-title" }, "What is waiting"),
        h("ul", { class: "plain-list" }, found.map((/** @type {any} */ job) => waitingJob(job, () => (version.value += 1)))));
    }, "");
  });
}

/** @param {any} job @param {() => void} changed */
function waitingJob(job, changed) {
  const state = signal(/** @type {any} */ (null));
  const ask = (/** @type {string} */ what) => async () => {
    try {
      await post(`jobs/${job.job}/${what}`);
      changed();
    } catch (error) {
      state.value = problemBox(error);
    }
  };
  const words = { waiting: "waits for you", interrupted: "was interrupted; nothing is lost", running: "is running", parked: "stopped at its time limit" };
  return h("li", {},
    h("span", {}, `${title(job.kind)} of ${shortPath(pathText(job, "root"))} `, h("span", { class: "quiet" }, `(job ${job.job}, ${plural(job.files ?? 0, "file")}) `),
      /** @type {any} */ (words)[job.status], "."),
    h("span", { class: "actions" },
      job.status === "waiting" && h("a", { class: "button", href: `#/plan/${job.job}` }, "Look at the plan"),
      job.status === "running" && h("a", { class: "button", href: `#/plan/${job.job}` }, "Watch"),
      (job.status === "interrupted" || job.status === "parked") && h("a", { class: "button", href: `#/plan/${job.job}` }, "Show what was done"),
      (job.status === "interrupted" || job.status === "parked") && button("Resume", ask("resume")),
      job.status === "waiting" && button("Drop the plan", ask("cancel"))),
    () => state.value);
}

/** What was found last, to be shown while a folder is counted again. */
const counted = new Map();
let turn = Promise.resolve();

/**
 * Count a folder, one after the other. Return a function that stops it.
 * @param {any} root @param {(progress: any) => void} tell @param {(answer: any) => void} done @param {(error: unknown) => void} failed
 */
function count(root, tell, done, failed) {
  let isOver = false;
  let stop = () => {};
  turn = turn.then(async () => {
    if (isOver) return;
    const { run } = await post("scans", { paths: [place(root)] });
    const followed = followRun(run, tell);
    await new Promise((resolve, reject) => {
      stop = () => {
        followed.cancel();
        resolve(null);
      };
      followed.answer.then(done).then(resolve, reject);
      if (isOver) stop();
    });
    stop = () => {};
  }).catch(failed);
  return () => {
    isOver = true;
    stop();
  };
}

/** @param {any} root */
function rootCard(root) {
  const state = signal(/** @type {any} */ (null));
  const found = signal(/** @type {any} */ (null));
  const id = `root-${Math.random().toString(36).slice(2)}`;
  const progress = signal(/** @type {any} */ (null));
  if (root.is_there) {
    found.value = counted.get(root.path) ?? null;
    effect(() => count(root, (told) => (progress.value = told), (answer) => {
      counted.set(root.path, answer);
      found.value = answer;
    }, (error) => (state.value = problemBox(error))));
  } else {
    state.value = problemBox(new Problem({ detail: `${pathText(root)} is not there, or another folder is in its place.`, hint: "mount its disk, or start fileorg serve again" }));
  }
  return h("section", { class: "card", "aria-labelledby": id },
    h("div", { class: "card-head" },
      h("h2", { id }, shortPath(pathText(root)), h("small", { class: "path" }, pathText(root))),
      root.is_there && h("span", { class: "actions" },
        h("a", { class: "button primary", href: `#/organize/new/${encodeURIComponent(root.path)}` }, "Organize"),
        h("a", { class: "button", href: `#/duplicates/new/${encodeURIComponent(root.path)}` }, "Find duplicates"))),
    () => state.value,
    () => (found.value ? space(found.value, root) : !state.value && h("div", {}, h("p", { class: "quiet" }, "Counting files …"), progressBar(() => progress.value, "Counting files"))));
}

/** @param {any} scan @param {any} root */
function space(scan, root) {
  const leftovers = [[scan.empty_files, "empty file"], [scan.empty_folders, "empty folder"], [scan.broken_symlinks, "broken symlink"]]
    .filter(([count]) => count).map(([count, word]) => plural(count, word));
  return h("div", {},
    h("p", { class: "lead" }, `${plural(scan.files, "file")}, ${sizeText(scan.size_bytes)}`, leftovers.length ? [`, ${leftovers.join(", ")}`, h("a", { href: `#/clean/new/${encodeURIComponent(root.path)}` }, "Clean")] : ""),
    scan.size_bytes ? treemap(scan.categories) : null);
}
