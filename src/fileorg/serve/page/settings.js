// Settings: those of the configuration, which can be changed, and what this server serves, which is given at its start.

import { counted } from "/report/figures.js";
import { fetched, get, Problem } from "./api.js";
import { button, labelled, later, problemBox, said, select, submitButton, textField } from "./parts.js";
import { pathText } from "./shown.js";
import { h, signal } from "./signal.js";

/** @param {any} about */
export function settings(about) {
  const state = signal(/** @type {any} */ (null));
  const turn = signal(0);
  async function leave() {
    try {
      await fetched("logout", { method: "POST" });
      document.body.replaceChildren(h("main", {}, h("h1", {}, "fileorg"), h("p", {}, "You have left. For another link, press Enter in the terminal where fileorg serve runs.")));
    } catch (error) { state.value = problemBox(error); }
  }
  const facts = [
    ["Version", about.version], ["Journal", about.state_dir],
    ["Requests a minute", counted(about.limits.requests_per_minute)], ["Operations an hour", counted(about.limits.operations_per_hour)],
  ];
  return h("div", {}, h("h1", {}, "Settings"),
    h("p", { class: "quiet" }, "Kept in ", h("span", { class: "path" }, about.configuration), "; the commands read the same file."),
    () => { turn.value; return later(get("settings"), (found) => form(found, () => (turn.value += 1))); },
    h("section", { class: "card", "aria-labelledby": "folders-title" }, h("h2", { id: "folders-title" }, "Folders that can be changed here"),
      h("ul", { class: "plain-list" }, about.roots.map((/** @type {any} */ root) => h("li", {}, h("span", { class: "path" }, pathText(root)), root.is_there ? null : h("span", { class: "bad" }, " is not there")))),
      h("p", { class: "quiet" }, "They are named at the start: fileorg serve FOLDER …")),
    h("section", { class: "card", "aria-labelledby": "profiles-title" }, h("h2", { id: "profiles-title" }, "Profiles"),
      later(get("profiles"), ({ profiles }) => (profiles.length
        ? h("ul", { class: "plain-list" }, profiles.map((/** @type {any} */ each) => h("li", {}, h("b", {}, each.name), " ", h("span", { class: "path quiet" }, each.roots.map((/** @type {any} */ root) => pathText(root)).join(", ")))))
        : h("p", { class: "quiet" }, "No profile of the configuration concerns these folders.")))),
    h("section", { class: "card", "aria-labelledby": "server-title" }, h("h2", { id: "server-title" }, "This server"),
      h("dl", { class: "facts" }, facts.map(([name, fact]) => h("div", {}, h("dt", {}, name), h("dd", { class: "path" }, fact)))),
      h("p", { class: "actions" }, button("Log out", leave)), () => state.value));
}

/** @param {any} found @param {() => void} reload */
function form(found, reload) {
  const state = signal(/** @type {any} */ (null));
  const isBusy = signal(false);
  const number = (/** @type {number | null} */ value) => h("input", { type: "number", min: 1, ".value": value ?? "" });
  const text = (/** @type {string | null} */ value) => textField({ ".value": value ?? "" });
  const fields = {
    settings: {
      names: select([["any", "As they are"], ["portable", "Replace characters that Windows does not accept"]]),
      locale: text(found.settings.locale),
      keep_days: number(found.settings.keep_days), trash_size: text(found.settings.trash_size),
    },
    jobs: { attempts: number(found.jobs.attempts), parallel: number(found.jobs.parallel), helper_memory: text(found.jobs.helper_memory) },
    dates: { local_video: h("textarea", { rows: 3, spellcheck: "false", ".value": found.dates.local_video.join("\n") }) },
  };
  fields.settings.names.value = found.settings.names ?? "any";

  /** Return a field as the API takes it; null is the default. @param {any} field @param {any} before */
  const valueOf = (field, before) => {
    const value = field.value.trim();
    if (field.localName === "textarea") return value.split("\n").map((/** @type {string} */ line) => line.trim()).filter(Boolean);
    if (field.type === "number") return value ? Number(value) : null;
    if (field.localName === "select") return value === "any" && !before ? null : value;
    return value || null;
  };
  /** @param {Event} event */
  async function save(event) {
    event.preventDefault();
    isBusy.value = true;
    const body = Object.fromEntries(Object.entries(fields).map(([table, of]) =>
      [table, Object.fromEntries(Object.entries(of).map(([name, field]) => [name, valueOf(field, found[table][name])]))]));
    try {
      found = await (await fetched("settings", { method: "PUT", body: { ...body, version: found.version } })).json();
      state.value = h("p", { class: "good" }, said.value = "The settings were saved.");
    } catch (error) {
      const isOld = error instanceof Problem && error.code === "refused";
      state.value = [problemBox(error), isOld && h("p", { class: "actions" }, button("Show them as they are now", reload))];
    }
    isBusy.value = false;
  }
  const [general, jobs] = [fields.settings, fields.jobs];
  const tells = [found.tells.notify && "a program is run", found.tells.webhook && "a webhook is told"].filter(Boolean).join(" and ");
  return h("form", { class: "card form", onsubmit: save },
    h("h2", {}, "Names and dates"),
    h("div", { class: "fields" }, labelled("Names of files", general.names), labelled("Language of months and days", general.locale, "such as de_DE.UTF-8; English if empty"),
      labelled("Cameras whose films have local time", fields.dates.local_video, "patterns such as NIKON*, one on each line")),
    h("h2", {}, "Trash"),
    h("div", { class: "fields" }, labelled("Keep for days", general.keep_days, "no limit if empty"), labelled("No larger than", general.trash_size, "such as 20GB; no limit if empty")),
    h("p", { class: "quiet" }, "Nothing is removed by itself: fileorg purge --expired goes by these."),
    h("h2", {}, "Jobs in the background"),
    h("div", { class: "fields" }, labelled("Attempts", jobs.attempts, "3 if empty"), labelled("Side by side", jobs.parallel, "2 if empty"), labelled("Memory of a helper process", jobs.helper_memory, "such as 1G; no limit if empty")),
    tells && h("p", { class: "quiet" }, `When a job ends, ${tells}; that is changed in the file only.`),
    h("p", { class: "actions" }, submitButton("Save", { disabled: () => isBusy.value })), () => state.value);
}
