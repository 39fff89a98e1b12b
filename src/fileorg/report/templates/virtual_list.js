// A list of any length, of which only the visible rows are elements.

const TALLEST = 8_000_000; // browsers limit the height of elements somewhere above this
const SPARE_ROWS = 8;
const SETTLED_MS = 160;

/** Rows in `layer`, which lies in `body`, which scrolls in `port`. The height of a row is the CSS variable `--row`. */
export class VirtualList {
  length = 0;
  selected = -1;
  top = 0; // pixels of the rows above the visible part
  #lastScroll = 0;
  #settling = 0;

  /**
   * @param {HTMLElement} port
   * @param {HTMLElement} body
   * @param {HTMLElement} layer
   * @param {{prefix: string, newRow: () => HTMLElement, fill: (line: HTMLElement, at: number) => void, selected?: (at: number) => void}} uses
   *   `prefix` begins the ids of rows, `newRow` makes an empty row, `fill` shows the row at a position in it, and
   *   `selected` is told of a choice.
   */
  constructor(port, body, layer, uses) {
    this.port = port;
    this.body = body;
    this.layer = layer;
    this.uses = uses;
  }

  listen() {
    this.port.addEventListener("scroll", () => this.#onScroll(), { passive: true });
    new ResizeObserver(() => this.layOut()).observe(this.port);
  }

  get rowHeight() {
    return parseFloat(getComputedStyle(this.port).getPropertyValue("--row"));
  }

  get inSight() {
    return this.port.clientHeight - this.body.offsetTop;
  }

  /** The first row that is visible as a whole. */
  get first() {
    return Math.ceil(this.top / this.rowHeight);
  }

  /** The rows that Page Up and Page Down move by. */
  get page() {
    return Math.max(1, Math.floor(this.inSight / this.rowHeight) - 1);
  }

  get #allHeight() {
    return this.length * this.rowHeight;
  }

  get #deepest() {
    return Math.max(0, this.#allHeight - this.inSight);
  }

  /** Pixels of rows per pixel of scrolling: more than 1 only if the list is too tall for a browser. */
  get #scale() {
    const room = Math.min(this.#allHeight, TALLEST) - this.inSight;
    return room > 0 ? this.#deepest / room : 1;
  }

  paint() {
    const { layer, port, selected } = this;
    const height = this.rowHeight;
    const first = Math.max(0, Math.floor(this.top / height) - SPARE_ROWS);
    const end = Math.max(first, Math.min(this.length, Math.ceil((this.top + this.inSight) / height) + SPARE_ROWS));
    while (layer.children.length < end - first) layer.append(this.uses.newRow());
    while (layer.children.length > end - first) layer.lastChild?.remove();
    for (let at = first; at < end; at++) {
      const line = /** @type {HTMLElement} */ (layer.children[at - first]);
      line.id = `${this.uses.prefix}-${at}`;
      line.dataset.at = String(at);
      line.setAttribute("aria-selected", String(at === selected));
      this.uses.fill(line, at);
    }
    layer.style.transform = `translateY(${port.scrollTop + first * height - this.top}px)`;
    const isShown = selected >= first && selected < end;
    if (isShown) port.setAttribute("aria-activedescendant", `${this.uses.prefix}-${selected}`);
    else port.removeAttribute("aria-activedescendant");
  }

  /** @param {number} pixels */
  scrollTo(pixels) {
    this.top = Math.min(Math.max(0, pixels), this.#deepest);
    this.port.scrollTop = this.top / this.#scale;
    this.#lastScroll = this.port.scrollTop;
    this.paint();
  }

  /** Short distances scroll by the same number of pixels in rows, even if the scroll bar is scaled. */
  #onScroll() {
    const { port } = this;
    const way = port.scrollTop - this.#lastScroll;
    if (way === 0) return;
    this.#lastScroll = port.scrollTop;
    const isAtEnd = this.#lastScroll <= 0 || this.#lastScroll >= port.scrollHeight - port.clientHeight - 1;
    const isShort = this.#scale > 1 && Math.abs(way) < this.inSight && !isAtEnd;
    this.top = Math.min(Math.max(0, isShort ? this.top + way : this.#lastScroll * this.#scale), this.#deepest);
    this.paint();
    clearTimeout(this.#settling);
    if (this.#scale > 1) this.#settling = setTimeout(() => this.scrollTo(this.top), SETTLED_MS);
  }

  layOut() {
    this.body.style.height = `${Math.min(this.#allHeight, TALLEST)}px`;
    this.scrollTo(this.top);
    if (this.selected >= 0) this.#bringIntoSight(this.selected);
  }

  /** @param {number} at */
  #bringIntoSight(at) {
    const height = this.rowHeight;
    const above = at * height;
    if (above < this.top) this.scrollTo(above);
    else if (above + height > this.top + this.inSight) this.scrollTo(above + height - this.inSight);
    else this.paint();
  }

  /** @param {number} at */
  select(at) {
    if (!this.length) return;
    this.selected = Math.min(Math.max(0, at), this.length - 1);
    this.#bringIntoSight(this.selected);
    this.uses.selected?.(this.selected);
  }

  /** Return the position that a key moves to, or undefined. @param {string} key @returns {number | undefined} */
  goal(key) {
    const start = this.selected < 0 ? this.first - 1 : this.selected;
    /** @type {Record<string, number>} */
    const goals = {
      ArrowDown: start + 1, ArrowUp: Math.max(start, 1) - 1, PageDown: start + this.page, PageUp: start - this.page,
      Home: 0, End: this.length - 1,
    };
    return goals[key];
  }
}
