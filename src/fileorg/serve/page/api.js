// The API of this server, and the events that it pushes.

const AGAIN_MS = [300, 1000, 3000];

/** What went wrong, as the server says it: a sentence and a way out. */
export class Problem extends Error {
  /** @param {{detail?: string, hint?: string | null, code?: string}} said */
  constructor(said) {
    super(said.detail ?? "fileorg serve does not answer.");
    this.hint = said.hint ?? "";
    this.code = said.code ?? "";
  }
}

const LOST = { detail: "fileorg serve does not answer.", hint: "see whether it still runs in its terminal" };

/**
 * Ask the server. Throws `Problem`.
 * @param {string} path below /api/v1
 * @param {{method?: string, body?: any}} [more]
 * @returns {Promise<Response>}
 */
export async function fetched(path, { method = "GET", body } = {}) {
  let response;
  try {
    response = await fetch(path ? `/api/v1/${path}` : "/api/v1", {
      method, headers: body === undefined ? {} : { "content-type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new Problem(LOST);
  }
  if (response.ok) return response;
  let said;
  try {
    said = await response.json();
  } catch {
    said = { detail: `The server answered ${response.status}.` };
  }
  throw new Problem(said);
}

/** @param {string} path @returns {Promise<any>} */
export const get = async (path) => (await fetched(path)).json();

/** @param {string} path @param {any} [body] @returns {Promise<any>} */
export const post = async (path, body = {}) => (await fetched(path, { method: "POST", body })).json();

/**
 * Return a path or root as the API takes it: as text, or if it is not text, as bytes in base 64.
 * @param {any} named an object of the API
 */
export const place = ({ path, path_b64: packed }) => (packed ? { path_b64: packed } : { path });

/**
 * Follow a job or a run until its last state, over lost connections. Return a function that stops.
 * @param {string} what such as `jobs/3`
 * @param {(state: any) => void} tell
 * @param {(problem: Problem | null) => void} [lost] told when the connection is lost, and with null when it is back
 */
export function follow(what, tell, lost = () => {}) {
  let [seen, tries, isOver] = [0, 0, false];
  /** @type {WebSocket} */
  let socket;
  /** @type {number | undefined} */
  let again;
  function open() {
    socket = new WebSocket(`${location.origin.replace("http", "ws")}/api/v1/${what}/events?after=${seen}`);
    socket.onmessage = ({ data }) => {
      const state = JSON.parse(data);
      seen = state.number;
      if (tries) lost(null);
      tries = 0;
      isOver ||= state.last;
      tell(state);
    };
    socket.onclose = () => {
      if (isOver) return;
      if (tries > 1) lost(new Problem(LOST));
      again = setTimeout(open, AGAIN_MS[Math.min(tries++, AGAIN_MS.length - 1)]);
    };
  }
  open();
  return () => {
    isOver = true;
    clearTimeout(again);
    if (socket.readyState === WebSocket.CONNECTING) socket.onopen = () => socket.close(); // the console complains if it is closed before
    else socket.close();
  };
}
