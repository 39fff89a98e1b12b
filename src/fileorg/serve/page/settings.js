// Settings: what this server serves and where it keeps things. They are given at its start and in the configuration.

import { counted } from "/report/figures.js";
import { get } from "./api.js";
import { button, later, problemBox } from "./parts.js";
import { pathText } from "./shown.js";
import { h, signal } from "./signal.js";

/** @param {any} about */
export function settings(about) {
  const state = signal(/** @type {any} */ (null));
  async function leave() {
    try {
      await fetch("/api/v1/logout", { method: "POST" });
      document.body.replaceChildren(h("main", {}, h("h1", {}, "fileorg"), h("p", {}, "You have left. For another link, press Enter in the terminal where fileorg serve runs.")));
    } catch (error) { state.value = problemBox(error); }
  }
  const facts = [
    ["Version", about.version], ["Configuration", about.configuration], ["Journal", about.state_dir],
    ["Requests a minute", counted(about.limits.requests_per_minute)], ["Operations an hour", counted(about.limits.operations_per_hour)],
  ];
  return h("div", {}, h("h1", {}, "Settings"),
    h("section", { class: "card", "aria-labelledby": "folders-title" }, h("h2", { id: "folders-title" }, "Folders that can be changed here"),
      h("ul", { class: "plain-list" }, about.roots.map((/** @type {any} */ root) => h("li", {}, h("span", { class: "path" }, pathText(root)), root.is_there ? null : h("span", { class: "bad" }, " does not exist")))),
      h("p", { class: "quiet" }, "They are named at the start: fileorg serve FOLDER …")),
    h("section", { class: "card", "aria-labelledby": "profiles-title" }, h("h2", { id: "profiles-title" }, "Profiles"),
      later(get("profiles"), ({ profiles }) => (profiles.length ? h("ul", { class: "plain-list" }, profiles.map((/** @type {any} */ each) => h("li", {}, h("b", {}, each.name), " ", h("span", { class: "path quiet" }, each.roots.map((/** @type {any} */ root) => root.path).join(", "))))) : h("p", { class: "quiet" }, "No profile of the configuration concerns these folders.")))),
    h("section", { class: "card", "aria-labelledby": "server-title" }, h("h2", { id: "server-title" }, "This server"),
      h("dl", { class: "facts" }, facts.map(([name, fact]) => h("div", {}, h("dt", {}, name), h("dd", { class: "path" }, fact)))),
      h("p", { class: "actions" }, button("Log out", leave)), () => state.value));
}
