// Calls to the node, with the reader's session; what it refuses becomes an error with its words.

export class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail ?? `the node answered with ${status}`);
    this.status = status;
    this.problem = problem;
  }
}

// ["statements", "arden-1:5"] -> the path of a route; what stands in it cannot leave its place.
function address(parts, query) {
  const path = parts.map(encodeURIComponent).join("/");
  const asked = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== ""));
  return `/api/v1/${path}${asked.size ? `?${asked}` : ""}`;
}

export async function send(method, parts, { query = {}, body, type, key } = {}) {
  const headers = { accept: "application/json" };
  if (type) headers["content-type"] = type;
  if (key) headers["idempotency-key"] = key;
  const answer = await fetch(address(parts, query), { method, headers, body }).catch(() => {
    throw new Error("the node does not answer: try again, nothing is done twice");
  });
  if (answer.status === 401) {
    location.assign("/login");
    throw new Error("you are not logged in");
  }
  if (answer.status === 204) return null;
  const found = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(answer.status, found);
  return found;
}

export const read = (parts, query) => send("GET", parts, { query });

export function tell(method, parts, document) {
  const body = JSON.stringify(document);
  return send(method, parts, { body, type: "application/json" });
}

// Also where the page came over plain HTTP, and the browser has no randomUUID.
export function newKey() {
  const drawn = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(drawn, (each) => each.toString(16).padStart(2, "0")).join("");
}
