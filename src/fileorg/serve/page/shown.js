// Text as the commands show it (core/names.py): nothing in a name can break a line, hide, or turn text around.

const UNSAFE = /[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
const NAMED = new Map([["\t", "\\t"], ["\n", "\\n"], ["\r", "\\r"]]);
const LONGEST = 4;

const hex = (/** @type {number} */ code, /** @type {number} */ digits) => code.toString(16).padStart(digits, "0");

/** Return a text as one printable line. @param {string} text @returns {string} */
export function shown(text) {
  return text.replace(UNSAFE, (letter) => {
    const code = letter.charCodeAt(0);
    return NAMED.get(letter) ?? (code < 0x100 ? `\\x${hex(code, 2)}` : `\\u${hex(code, 4)}`);
  });
}

/** @param {string} base64 */
export const bytesOf = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));

/** @param {Uint8Array} bytes */
export const base64Of = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));

/** Return a path of the API as it is shown: bytes that are not UTF-8 are escaped. @param {any} named @param {string} [field] @returns {string} */
export function pathText(named, field = "path") {
  const packed = named[`${field}_b64`];
  if (!packed) return shown(named[field] ?? "");
  const bytes = bytesOf(packed);
  const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let text = "";
  for (let at = 0; at < bytes.length;) {
    let end = Math.min(at + LONGEST, bytes.length);
    let letter;
    for (; end > at && letter === undefined; end--) {
      try { letter = strict.decode(bytes.subarray(at, end)); } catch { /* not a letter of this length */ }
    }
    text += letter === undefined ? `\\x${hex(bytes[at], 2)}` : shown(letter);
    at = letter === undefined ? at + 1 : end + 1;
  }
  return text;
}
