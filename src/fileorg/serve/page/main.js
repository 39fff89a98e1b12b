// The frame of the page: its navigation, what is said aloud, and one view at a time.

import { get } from "./api.js";
import { clean } from "./clean.js";
import { duplicates } from "./duplicates.js";
import { history } from "./history.js";
import { home } from "./home.js";
import { organize } from "./organize.js";
import { planOf } from "./plan_view.js";
import { rules } from "./rules.js";
import { settings } from "./settings.js";
import { effect, h, signal } from "./signal.js";
import { later, said } from "./parts.js";

/** @type {[string, string, (about: any, rest: string[]) => any][]} */
const VIEWS = [
  ["", "Home", home], ["organize", "Organize", organize], ["duplicates", "Duplicates", duplicates],
  ["clean", "Clean", clean], ["history", "History", history], ["rules", "Rules", rules], ["settings", "Settings", settings],
];
/** Views that no link of the navigation leads to. @type {typeof VIEWS} */
const OTHERS = [["plan", "Plan", (_, rest) => planOf(Number(rest[0]))]];

const place = signal(location.hash);
addEventListener("hashchange", () => (place.value = location.hash));

const main = h("main", { id: "main", tabindex: -1 });

const where = () => place.value.replace(/^#\/?/, "").split("/");
const links = VIEWS.map(([path, title]) =>
  h("a", { href: `#/${path}`, "aria-current": () => (where()[0] === path ? "page" : null) }, title));
document.body.replaceChildren(
  h("a", { class: "skip", href: "#main", onclick: (/** @type {Event} */ event) => { event.preventDefault(); main.focus(); } }, "Skip to the content"),
  h("header", { class: "bar" }, h("a", { class: "brand", href: "#/" }, "fileorg"), h("nav", { "aria-label": "Pages" }, links)),
  main,
  h("p", { class: "unseen", role: "status", "aria-live": "polite" }, () => said.value),
);
let isFirst = true;
effect(() => {
  const [path, ...rest] = where();
  const [, title, view] = [...VIEWS, ...OTHERS].find(([name]) => name === path) ?? VIEWS[0];
  document.title = `fileorg: ${title}`;
  // What is served is asked for each time: a disk may be gone, or there again.
  main.replaceChildren(later(get(""), (about) => view(about, rest), "", title));
  if (!isFirst) {
    scrollTo(0, 0);
    main.focus({ preventScroll: true });
  }
  isFirst = false;
});
