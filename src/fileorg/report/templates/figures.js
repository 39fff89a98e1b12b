// Figures as the commands write them, and elements with text. Text is never HTML.

export const counted = (/** @type {number} */ number) => number.toLocaleString("en-US");

/** @param {number} bytes */
export function sizeText(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  let unit = -1;
  while (bytes >= 1023.95) {
    bytes /= 1024;
    unit++;
  }
  const [whole, tenth] = bytes.toFixed(1).split(".");
  return `${counted(Number(whole))}.${tenth} ${"KMGTPE"[unit]}B`;
}

/** @param {number} seconds */
export function timeText(seconds) {
  const time = new Date(seconds * 1000);
  if (!seconds || Number.isNaN(time.getTime())) return "";
  const two = (/** @type {number} */ number) => String(number).padStart(2, "0");
  const day = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join("-");
  return `${day} ${two(time.getHours())}:${two(time.getMinutes())}`;
}

/** @param {string} tag @param {string} [className] @param {string} [text] */
export function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}
