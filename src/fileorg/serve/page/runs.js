// Commands that the server runs for this page: followed while their view is shown, and a plan that one makes.

import { fetched, follow, post, Problem } from "./api.js";
import { problemBox, progressBar } from "./parts.js";
import { effect, h, signal } from "./signal.js";

/** What a run does, by its stage. @type {Record<string, string>} */
const STAGES = { scan: "Scanning", compare: "Comparing", read: "Reading", plan: "Planning" };

/**
 * Follow a run. Return its answer, which throws `Problem` if the run fails, a function that stops following, and one
 * that also stops the run.
 * @param {number} run @param {(progress: any) => void} tell
 * @param {(problem: Problem | null) => void} [lost] as in `follow`
 * @returns {{answer: Promise<any>, stop: () => void, cancel: () => void}}
 */
export function followRun(run, tell, lost) {
  let stop = () => {};
  const answer = new Promise((resolve, reject) => {
    stop = follow(`runs/${run}`, (told) => {
      if (!told.last) return tell(told.run.progress);
      const { answer, problem } = told.run ?? told;
      if (problem) reject(new Problem(problem));
      else resolve(answer);
    }, lost);
  });
  const cancel = () => {
    stop();
    fetched(`runs/${run}`, { method: "DELETE" }).catch(() => {});
  };
  return { answer, stop, cancel };
}

/**
 * Return what begins runs for the view that is being made, and shows how far they are, and their problems.
 * When the view is left, or another run is begun, nothing comes of a run here. It goes on, and a plan waits on Home; one
 * that only answers this view is stopped.
 * @param {string} label names the bar of progress @param {{isForView?: boolean}} [more]
 */
export function runner(label, { isForView = false } = {}) {
  const state = signal(/** @type {any} */ (null));
  const isBusy = signal(false);
  let turn = 0;
  let stop = () => {};
  function leave() {
    turn++;
    stop();
    stop = () => {};
  }
  function end() {
    leave();
    isBusy.value = false;
    state.value = null;
  }
  effect(() => leave);

  /** @param {string} path @param {any} body @param {(answer: any) => any} done returns what is shown then */
  async function begin(path, body, done) {
    const [progress, lost] = [signal(/** @type {any} */ (null)), signal(/** @type {any} */ (null))];
    leave();
    const own = turn;
    isBusy.value = true;
    state.value = h("div", {}, h("p", { class: "quiet" }, () => `${STAGES[progress.value?.stage] ?? label} …`),
      progressBar(() => progress.value, label), () => lost.value);
    try {
      const { run } = await post(path, body);
      const followed = followRun(run, (found) => (progress.value = found), (problem) => (lost.value = problem && problemBox(problem)));
      const left = isForView ? followed.cancel : followed.stop;
      if (own !== turn) return left();
      stop = left;
      const answer = await followed.answer;
      if (own !== turn) return;
      state.value = done(answer) ?? null;
    } catch (error) {
      if (own !== turn) return;
      state.value = problemBox(error);
    }
    stop = () => {};
    isBusy.value = false;
  }
  return { begin, end, isBusy, shown: () => state.value };
}

/** Return what makes plans for the view that is being made: it goes to them, or says `nothing` if they have no rows. */
export function planner() {
  const runs = runner("Making the plan");
  /** @param {any} wanted @param {string} nothing */
  const make = (wanted, nothing) => runs.begin("plans", wanted, ({ job }) => {
    if (!job) return h("p", { role: "status" }, nothing);
    location.hash = `#/plan/${job}`;
  });
  return { make, isBusy: runs.isBusy, shown: runs.shown };
}
