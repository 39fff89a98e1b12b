// The records as columns: unpacking, sort orders and filters.
// A million records take some 100 bytes each, and no step blocks the page for a noticeable time.

const AT_ONCE = 50_000;
const MANY = 30_000; // beyond this, comparison by locale takes too long
const NATURAL = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
const DIGITS = 65_536;
const PIECE = 16_384;
const LONG_MS = 30;

const breathe = () =>
  globalThis.scheduler?.yield ? scheduler.yield() : new Promise((done) => setTimeout(done));

/** Return a function to await between steps, which yields to the page if the last steps took long. */
function resting() {
  let since = performance.now();
  return async () => {
    if (performance.now() - since < LONG_MS) return;
    await breathe();
    since = performance.now();
  };
}

function bytesOf(base64) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}

/** Yield the lines of the blocks one by one, so that the unpacked data is never one string. */
async function* linesOf(blocks) {
  let next = 0;
  const packed = new ReadableStream({
    pull(stream) {
      if (next === blocks.length) stream.close();
      else stream.enqueue(bytesOf(blocks[next++].textContent));
    },
  });
  const reader = packed
    .pipeThrough(new DecompressionStream("gzip"))
    .pipeThrough(new TextDecoderStream())
    .getReader();
  let parts = [];
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
    const lines = piece.value.split("\n");
    while (lines.length > 1) {
      yield parts.join("") + lines.shift();
      parts = [];
    }
    parts.push(lines[0]);
  }
}

/** Return rows sorted by a small number each, stable, in one pass. */
function byDigit(rows, digitOf, digits) {
  const starts = new Uint32Array(digits + 1);
  for (const row of rows) starts[digitOf(row) + 1]++;
  for (let digit = 0; digit < digits; digit++) starts[digit + 1] += starts[digit];
  const sorted = new Uint32Array(rows.length);
  for (const row of rows) sorted[starts[digitOf(row)]++] = row;
  return sorted;
}

async function byNumber(rows, numbers) {
  const rest = resting();
  let least = Infinity;
  let most = -Infinity;
  for (const row of rows) {
    least = Math.min(least, numbers[row]);
    most = Math.max(most, numbers[row]);
  }
  for (let unit = 1; unit <= most - least; unit *= DIGITS) {
    rows = byDigit(rows, (row) => Math.floor((numbers[row] - least) / unit) % DIGITS, DIGITS);
    await rest();
  }
  return rows;
}

/** Return the positions of texts in sorted order, stable: pieces are sorted, then merged, so that no step is long. */
async function positionsInOrder(texts, rest) {
  const compare = (a, b) => (texts[a] < texts[b] ? -1 : texts[a] > texts[b] ? 1 : a - b);
  let parts = [];
  for (let start = 0; start < texts.length; start += PIECE) {
    const length = Math.min(PIECE, texts.length - start);
    parts.push(Array.from({ length }, (_, at) => start + at).sort(compare));
    await rest();
  }
  while (parts.length > 1) {
    const wider = [];
    for (let at = 0; at < parts.length; at += 2) {
      wider.push(at + 1 < parts.length ? merged(parts[at], parts[at + 1], compare) : parts[at]);
      await rest();
    }
    parts = wider;
  }
  return parts[0];
}

function merged(left, right, compare) {
  const both = new Array(left.length + right.length);
  let [fromLeft, fromRight] = [0, 0];
  for (let at = 0; at < both.length; at++) {
    const isLeft = fromRight === right.length || (fromLeft < left.length && compare(left[fromLeft], right[fromRight]) < 0);
    both[at] = isLeft ? left[fromLeft++] : right[fromRight++];
  }
  return both;
}

/** Return the rank of each text; equal texts have the same rank. */
function ranksOf(texts) {
  const plain = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  const compare = texts.length > MANY ? plain : (a, b) => NATURAL.compare(a, b) || plain(a, b);
  const places = new Map([...new Set(texts)].sort(compare).map((text, place) => [text, place]));
  return Uint32Array.from(texts, (text) => places.get(text));
}

/** Numbers for repeated texts; 0 is none. */
class Texts {
  texts = [""];
  #numbers = new Map();

  number(text) {
    let number = this.#numbers.get(text);
    if (number === undefined) {
      number = this.texts.push(text) - 1;
      this.#numbers.set(text, number);
    }
    return number;
  }
}

class Records {
  length = 0;
  names = [];
  newNames = new Map();
  keepers = new Map();
  #folders = new Texts();
  #words = new Texts();
  #reasons = new Texts();
  #folderNumbers = [0]; // the writer may give several numbers to one folder, or to one word
  #wordNumbers = [0];
  #orders = new Map();
  #columns = {
    id: Float64Array, action: Uint16Array, status: Uint16Array, category: Uint16Array, size: Float64Array,
    from: Uint32Array, to: Uint32Array, reason: Uint32Array, changed: Float64Array,
  };

  constructor({ records, root, ranks }) {
    this.root = root;
    this.statusRanks = ranks;
    for (const [column, Type] of Object.entries(this.#columns)) this[column] = new Type(records);
  }

  add(batch) {
    const start = this.length;
    const count = batch.id.length;
    this.#makeRoom(start + count);
    for (const text of batch.folders) this.#folderNumbers.push(this.#folders.number(text));
    for (const text of batch.words) this.#wordNumbers.push(this.#words.number(text));
    let id = start ? this.id[start - 1] : 0;
    for (let at = 0; at < count; at++) {
      const row = start + at;
      this.id[row] = id += batch.id[at];
      this.action[row] = this.#wordNumbers[batch.action[at]];
      this.status[row] = this.#wordNumbers[batch.status[at]];
      this.category[row] = this.#wordNumbers[batch.category[at]];
      this.size[row] = batch.size[at];
      this.from[row] = this.#folderNumbers[batch.from[at]];
      this.to[row] = this.#folderNumbers[batch.to[at]];
      this.names.push(batch.name[at] || "");
      if (batch.newName[at]) this.newNames.set(row, batch.newName[at]);
    }
    if (batch.changed) this.changed.set(batch.changed, start);
    for (let at = 0; at < batch.reason.length; at += 2) {
      this.reason[start + batch.reason[at]] = this.#reasons.number(batch.reason[at + 1]);
    }
    for (let at = 0; at < batch.keeper.length; at += 2) {
      const [folder, name] = batch.keeper[at + 1];
      this.keepers.set(start + batch.keeper[at], [this.#folderNumbers[folder], name]);
    }
    this.length += count;
  }

  #makeRoom(needed) {
    if (needed <= this.id.length) return;
    for (const [column, Type] of Object.entries(this.#columns)) {
      const wider = new Type(Math.max(needed, this.id.length * 2));
      wider.set(this[column]);
      this[column] = wider;
    }
  }

  word(number) {
    return this.#words.texts[number];
  }

  /** Return the words of a column; statuses by rank. */
  wordsOf(column) {
    const numbers = new Set(this[column].subarray(0, this.length));
    const words = [...numbers].map((number) => this.word(number)).filter((word) => word);
    if (column === "status") return this.statusRanks.filter((status) => words.includes(status));
    return words.sort(NATURAL.compare);
  }

  /** Return the part of a text that occurs in reasons: all of it, unless they continue with file names. */
  partOfReasons(text) {
    const words = text.split(" ");
    while (words.length && !this.#reasons.texts.some((reason) => reason.includes(words.join(" ")))) words.pop();
    return words.join(" ");
  }

  reasonOf(row) {
    return this.#reasons.texts[this.reason[row]];
  }

  /** Return [folder, name] of the source or the target of a record as shown, or null if it has none. */
  place(row, column) {
    const folder = this[column][row];
    if (!folder) return null;
    const name = column === "to" ? this.newNames.get(row) ?? this.names[row] : this.names[row];
    return [this.#folders.texts[folder], name];
  }

  fullPath(folder, name) {
    const isBelow = this.root && !folder.startsWith("/");
    const start = isBelow ? [this.root.replace(/\/$/, ""), folder].filter((part, at) => !at || part).join("/") : folder;
    return name ? `${start.replace(/\/$/, "")}/${name}` : start;
  }

  keeperOf(row) {
    const keeper = this.keepers.get(row);
    return keeper && this.fullPath(this.#folders.texts[keeper[0]], keeper[1]);
  }

  /** Return all rows in ascending order of a column. Each order is computed once. */
  async order(column) {
    if (!this.#orders.has(column)) this.#orders.set(column, await this.#sorted(column));
    return this.#orders.get(column);
  }

  async #sorted(column) {
    const rows = new Uint32Array(this.length).map((_, row) => row);
    if (!column) return rows;
    if (column === "from" || column === "to") return this.#byPath(rows, column);
    if (column === "size" || column === "changed") return byNumber(rows, this[column]);
    if (column === "status") {
      const ranks = this.#words.texts.map((word) => this.statusRanks.indexOf(word) + 1);
      // Intermediate folders come after the files of their status.
      const digitOf = (row) => 2 * ranks[this.status[row]] + (this.from[row] ? 0 : 1);
      return byDigit(rows, digitOf, 2 * this.statusRanks.length + 2);
    }
    const words = ranksOf(this.#words.texts);
    if (column === "category") return byDigit(rows, (row) => words[this.category[row]], words.length);
    const reasons = ranksOf(this.#reasons.texts); // records with a reason first, the others by action
    return byNumber(rows, Float64Array.from(rows, (row) =>
      this.reason[row] ? reasons[this.reason[row]] : reasons.length + words[this.action[row]]));
  }

  /** Sort by folder in one pass, then by name within each: far fewer comparisons than of whole paths. */
  async #byPath(rows, column) {
    const ranks = ranksOf(this.#folders.texts);
    const folderOf = this[column];
    const sorted = byDigit(rows, (row) => ranks[folderOf[row]], ranks.length);
    const rest = resting();
    for (let start = 0, end = 0; start < sorted.length; start = end) {
      while (end < sorted.length && folderOf[sorted[end]] === folderOf[sorted[start]]) end++;
      const run = sorted.subarray(start, end);
      const names = Array.from(run, (row) => this.place(row, column)?.[1].toLowerCase() ?? "");
      const positions = await positionsInOrder(names, rest);
      run.set(positions.map((position) => run[position]));
    }
    return sorted;
  }

  /** Return a byte for each row, 1 if it matches; null as soon as the result is no longer wanted. */
  async meant({ text, status, category }, isStale) {
    const matches = this.#matcher(text);
    const meant = new Uint8Array(this.length);
    const statusNumber = this.#words.texts.indexOf(status);
    const categoryNumber = this.#words.texts.indexOf(category);
    for (let start = 0; start < this.length; start += AT_ONCE) {
      const end = Math.min(start + AT_ONCE, this.length);
      for (let row = start; row < end; row++) {
        if (status && this.status[row] !== statusNumber) continue;
        if (category && this.category[row] !== categoryNumber) continue;
        if (matches(row)) meant[row] = 1;
      }
      await breathe();
      if (isStale()) return null;
    }
    return meant;
  }

  /** Return a test for a text in paths and reasons, in any case. Folders and reasons are few, so they are tested in advance. */
  #matcher(text) {
    if (!text) return () => true;
    const root = `${this.root}/`;
    const wanted = this.root && text.startsWith(root) ? text.slice(root.length) : text;
    const quoted = (part) => part.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
    const anywhere = new RegExp(quoted(wanted), "iu");
    const flags = (texts, pattern) => Uint8Array.from(texts, (each) => (pattern.test(each) ? 1 : 0));
    const inFolder = flags(this.#folders.texts, anywhere);
    const inReason = flags(this.#reasons.texts, anywhere);
    const slash = wanted.lastIndexOf("/");
    const [head, tail] = [wanted.slice(0, Math.max(slash, 0)), wanted.slice(slash + 1)];
    const endsFolder = slash < 0 ? null : flags(this.#folders.texts, new RegExp(`${quoted(head)}$`, "iu"));
    const startsName = new RegExp(`^${quoted(tail)}`, "iu");
    const nameMatches = (folder, name) => (endsFolder ? endsFolder[folder] && startsName.test(name) : anywhere.test(name));
    return (row) => {
      const [from, to] = [this.from[row], this.to[row]];
      if (inFolder[from] || inFolder[to] || inReason[this.reason[row]]) return true;
      const name = this.names[row];
      if (nameMatches(from, name) || (endsFolder && nameMatches(to, name))) return true;
      const newName = this.newNames.get(row);
      return newName !== undefined && nameMatches(to, newName);
    };
  }
}
