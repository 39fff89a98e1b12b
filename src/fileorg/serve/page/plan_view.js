// A plan before it is carried out, the job that carries it out, and what came of it.

import { counted, sizeText } from "/report/figures.js";
import { fetched, follow, get, post, Problem } from "./api.js";
import { join } from "./folders.js";
import { askFolder, askRule } from "./move_dialog.js";
import { button, canUndo, later, plural, problemBox, progressBar, said, shortPath, statusText, title, undoButton } from "./parts.js";
import { Plan } from "./plan.js";
import { PlanEdits } from "./plan_edits.js";
import { PlanTree } from "./plan_tree.js";
import { pathText } from "./shown.js";
import { effect, h, signal } from "./signal.js";

/** Where another plan of a kind is made. @type {Record<string, [string, string]>} */
const AGAIN = { organize: ["organize", "Organize another folder"], dedupe: ["duplicates", "Find other duplicates"], clean: ["clean", "Clean another folder"] };

/** @param {number} number */
export function planOf(number) {
  const version = signal(0);
  let problem = /** @type {unknown} */ (null);
  const reload = (/** @type {unknown} */ why = null) => {
    problem = why;
    version.value += 1;
  };
  return h("div", {}, () => {
    version.value;
    const why = problem;
    return later(get(`jobs/${number}`), (job) => (job.status === "waiting"
      ? later(waitingPlan(number), ([head, plan]) => planScreen(head, plan, reload, why), "Reading the plan …", "Plan")
      : jobScreen(job, reload)), "Loading …", "Plan");
  });
}

/** @param {number} number @returns {Promise<[any, Plan]>} */
async function waitingPlan(number) {
  const [head, columns] = await Promise.all([get(`plans/${number}`), fetched(`plans/${number}/columns`)]);
  if (!columns.body) throw new Problem({ detail: "The plan is empty." });
  return [head, await Plan.read(columns.body)];
}

/** @param {any} head @param {Plan} plan @param {(why?: unknown) => void} reload @param {unknown} why it was read again, if that is an error */
function planScreen(head, plan, reload, why) {
  const edits = new PlanEdits(plan);
  const here = location.hash;
  const isMovable = head.kind === "organize";
  const isClean = head.kind === "clean";
  const items = (/** @type {number} */ number) => plural(number, isClean ? "item" : "file");
  const chosen = signal(/** @type {any} */ (null));
  const state = signal(/** @type {any} */ (why && problemBox(why)));
  const isBusy = signal(false);
  const [before, after] = [new PlanTree(), new PlanTree()];

  /** @param {number[]} rows */
  function leave(rows) {
    const count = edits.toggle(rows);
    said.value = count > 0 ? `${items(count)} left out.` : `${items(-count)} taken again.`;
    refresh();
  }

  /** @param {number[]} rows @param {number} node */
  async function move(rows, node) {
    const open = rows.filter((row) => !edits.stays(row) && edits.folderAfter[row] !== node);
    if (!open.length) return;
    const answer = await askRule(edits, open, node);
    if (!answer) return;
    const count = edits.move(answer.rows, node);
    said.value = `${plural(count, "file")} moved to ${plan.folders.path(node)}.`;
    refresh();
    after.reveal(open[0]);
  }

  /** @param {number[]} rows */
  async function ask(rows) {
    const node = await askFolder(edits, rows);
    if (node) await move(rows, node);
  }

  function refresh() {
    before.refresh();
    after.refresh();
    chosen.value = chosen.peek() && { ...chosen.peek() };
  }

  const shared = { isMoved: (/** @type {number} */ row) => edits.moved.has(row) && !edits.stays(row), leave, ask, isMovable };
  const choose = (/** @type {import("./folders.js").Tree} */ tree) => (/** @type {any} */ each) => (chosen.value = { ...each, tree });
  const stayNote = (/** @type {number} */ row) => (plan.skipped[row] ? "skipped" : edits.leftOut[row] ? "left out" : "");
  // The categories of a clean run are kinds of leftovers.
  before.show({
    ...shared, chosen: choose(edits.before), tree: edits.before, label: isClean ? "What is removed" : "Before", name: (row) => plan.name(row), isNew: () => false,
    note: (row) => stayNote(row) || (isClean ? plan.category(row) : ""),
    folderNote: (node) => {
      const row = edits.removed.get(node);
      const own = row === undefined ? edits.isEmptied(node) && "is removed" : stayNote(row) || (!edits.before.hasMore(node) && "empty folder");
      return [edits.before.hasMore(node) && items(edits.before.files[node] - (row === undefined ? 0 : 1)), own].filter(Boolean).join(", ");
    },
  }, "before");
  after.show({
    ...shared, chosen: choose(edits.after), tree: edits.after, label: "After", name: (row) => edits.nameAfter(row), isNew: (node) => edits.isNew(node),
    folderNote: (node) => `${items(edits.after.files[node])}${edits.isNew(node) ? ", new" : ""}`,
    note: (row) => (edits.stays(row) ? "stays" : edits.moved.has(row) ? "moved by you" : plan.newName(row) === plan.name(row) ? "" : `was ${plan.name(row)}`),
    drop: move,
  }, "after");

  async function carryOut() {
    isBusy.value = true;
    let { version } = head;
    try {
      if (edits.isChanged) ({ version } = await post(`plans/${head.job}/edits`, edits.asBody(version)));
      await post(`jobs/${head.job}/approve`, { version });
      reload();
    } catch (error) {
      if (version !== head.version) return reload(error); // it was changed, and its rows have other numbers now
      state.value = [problemBox(error), h("p", { class: "actions" }, button("Show it as it is now", () => reload()))];
      isBusy.value = false;
    }
  }

  async function drop() {
    try {
      await post(`jobs/${head.job}/cancel`);
      if (location.hash === here) location.hash = `#/${(AGAIN[head.kind] ?? AGAIN.organize)[0]}`;
    } catch (error) {
      state.value = problemBox(error);
    }
  }

  const summary = () => {
    edits.version.value;
    const parts = [[edits.left, "left out"], [edits.movedFiles, "moved by you"], [edits.skipped, "skipped"]];
    return `${items(edits.open)}${parts.filter(([count]) => count).map(([count, words]) => `, ${counted(/** @type {number} */ (count))} ${words}`).join("")}`;
  };
  return h("div", { class: "plan" },
    h("div", { class: "card-head" },
      h("div", {}, h("h1", {}, `${title(head.kind)} ${shortPath(pathText(head.roots[0]))}`), h("p", { class: "lead number" }, summary)),
      h("p", { class: "actions" },
        button("Drop the plan", drop, { disabled: () => isBusy.value }),
        button("Carry out", carryOut, { class: "button primary", disabled: () => { edits.version.value; return isBusy.value || !edits.open; } }))),
    () => state.value,
    h("div", { class: isClean ? "" : "sides" }, side(before, isClean ? "What is removed" : "Before"), !isClean && side(after, "After")),
    () => chosen.value && details(plan, edits, chosen.value, leave, isMovable && ask),
    h("p", { class: "quiet keys" }, "Move with the arrow keys; right and left open and close folders. Space leaves a file or folder out", isMovable ? "; M moves it to another folder, and so does dragging it on the side After." : "."));
}

/** @param {PlanTree} tree @param {string} words */
const side = (tree, words) => h("section", { class: "card side", "aria-label": words }, h("h2", {}, words), tree);

/** What is known of the chosen file or folder. @param {Plan} plan @param {PlanEdits} edits @param {any} chosen @param {(rows: number[]) => void} leave @param {false | ((rows: number[]) => void)} ask */
function details(plan, edits, { tree, node, row }, leave, ask) {
  const isFile = row >= 0;
  const group = isFile ? plan.group(row) : [];
  const rows = () => (isFile ? group : tree.all(node));
  const isOut = isFile ? edits.stays(row) : tree.taken(node) === "false";
  const canLeave = !isFile || !plan.skipped[row];
  const ownRow = edits.removed.get(node);
  const facts = isFile
    ? [["From", join(plan.folders.path(plan.before[row]), plan.name(row))],
      [edits.stays(row) ? "Stays" : "To", edits.stays(row) ? plan.reason(row) || "left out by you" : join(plan.folders.path(edits.folderAfter[row]), edits.nameAfter(row))],
      ...(plan.keeper(row) ? [["Kept instead", plan.keeper(row)]] : [["Category", plan.category(row) || "–"]]), ["Size", sizeText(plan.size(row))]]
    : [["Folder", plan.folders.path(node)],
      ownRow === undefined ? ["Files", counted(tree.files[node])] : edits.stays(ownRow) ? ["Stays", plan.reason(ownRow) || "left out by you"] : ["What happens", "It is removed"]];
  return h("section", { class: "card chosen", "aria-label": "The chosen file or folder" },
    h("dl", { class: "facts" }, facts.map(([name, fact]) => h("div", {}, h("dt", {}, name), h("dd", { class: "path" }, fact)))),
    group.length > 1 && h("p", { class: "quiet" }, `It goes together with ${plural(group.length - 1, "file")}.`),
    h("p", { class: "actions" },
      canLeave && button(isOut ? "Take again" : "Leave out", () => leave(rows())),
      ask && !isOut && button("Move to…", () => ask(rows()))));
}

/** A job at work, and its end. @param {any} first @param {() => void} reload */
function jobScreen(first, reload) {
  const job = signal(first);
  const lost = signal(/** @type {any} */ (null));
  const state = signal(/** @type {any} */ (null));
  const isOver = signal(false);
  const stop = follow(`jobs/${first.job}`, (told) => {
    if (told.problem) state.value = problemBox(new Problem(told.problem));
    else job.value = told.job;
    if (told.last) {
      isOver.value = true;
      said.value = `${title(first.kind)}: ${told.job?.status ?? "ended"}.`;
    }
  }, (problem) => (lost.value = problem && problemBox(problem)));
  effect(() => () => stop());
  const ask = (/** @type {string} */ what) => async () => {
    try {
      await post(`jobs/${first.job}/${what}`);
      if (what !== "cancel") reload();
    } catch (error) {
      state.value = problemBox(error);
    }
  };
  const words = () => ({ queued: "Waiting for its turn …", running: "Carrying out …", waiting: "Waiting for you.", done: "Done.", failed: "Done, but some files could not be processed.", cancelled: "Cancelled.", interrupted: "Interrupted: nothing is lost.", parked: "Stopped at its time limit." })[/** @type {string} */ (job.value.status)] ?? job.value.status;
  return h("div", { class: "plan" },
    h("h1", {}, `${title(first.kind)} ${shortPath(pathText(first, "root"))}`),
    h("section", { class: "card", "aria-label": "Progress" },
      h("p", { class: "job-state", role: "status" }, words),
      () => job.value.reason && h("p", {}, job.value.reason),
      () => !isOver.value && progressBar(() => job.value.progress, "Carrying out the plan"),
      () => lost.value, () => state.value,
      () => !isOver.value && h("p", { class: "actions" }, button("Cancel", ask("cancel"))),
      () => isOver.value && ["interrupted", "parked", "cancelled"].includes(job.value.status) && h("p", { class: "actions" }, button("Resume", ask("resume"))),
      () => isOver.value && job.value.operations.toReversed().map((/** @type {number} */ number) => ended(number))));
}

/** What came of an operation, with a way back. @param {number} number */
function ended(number) {
  const version = signal(0);
  return h("div", {}, () => {
    version.value;
    return later(get(`operations/${number}`), (operation) => {
      const [again, words] = AGAIN[operation.kind] ?? AGAIN.organize;
      return h("div", { class: "ended" },
        h("p", {}, `Operation ${operation.operation}: ${plural(operation.files, "file")}, ${sizeText(operation.size_bytes)}, ${statusText(operation)}.`,
          operation.problems ? h("span", { class: "bad" }, ` ${plural(operation.problems, "problem")}.`) : null),
        h("p", { class: "actions" },
          canUndo(operation) && undoButton(operation, () => (version.value += 1)),
          h("a", { class: "button", href: `#/history/${operation.operation}` }, "Show the files"),
          h("a", { class: "button", href: `#/${again}` }, words)));
    });
  });
}
