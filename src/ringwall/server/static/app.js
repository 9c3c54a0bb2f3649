// The watch page: recent statements, live arrivals, and one statement with its proof.
import { element, facts, label, put, show, table, time } from "./view.js";

const KEPT = 500;
const WITHOUT_CONTENT = ["policy-officer", "auditor", "administrator"];
const seen = new Map();
let stream = null;

async function ask(path) {
  const answer = await fetch(path, { headers: { accept: "application/json" } });
  if (answer.status === 401) {
    location.assign("/login");
    throw new Error("not logged in");
  }
  const document = await answer.json();
  if (!answer.ok) throw new Error(document.detail ?? answer.statusText);
  return document;
}

function fail(error) {
  put("problem", error.message);
  show("problem", true);
}

function row(item, live) {
  const made = element("tr", live ? { class: "fresh" } : {});
  const object = element("td", { class: "object" }, item.title || item.object_id);
  object.append(element("span", { class: "type" }, item.type));
  const delay = live ? `${Math.max(0, Date.now() - Date.parse(item.received_at))} ms` : "–";
  const link = element("a", { href: `#/statements/${item.statement}` }, "Details");
  link.setAttribute("aria-label", `Details of ${item.statement}`);
  made.append(
    element("td", { class: "time", title: item.received_at }, time(item.received_at)),
    element("td", {}, label(item.label)),
    element("td", {}, item.source),
    object,
    element("td", { class: "number" }, delay),
    element("td", {}, link),
  );
  return made;
}

function add(item, live) {
  if (seen.has(item.statement)) return;
  const rows = document.getElementById("rows");
  const made = row(item, live);
  seen.set(item.statement, item);
  rows.prepend(made);
  while (rows.children.length > KEPT) rows.lastElementChild.remove();
  show("empty", false);
}

function tiles() {
  const items = [...seen.values()];
  const sources = new Set(items.map((item) => item.source));
  const red = items.filter((item) => item.label.startsWith("TLP:RED")).length;
  const figures = [
    [items.length, items.length === 1 ? "statement" : "statements"],
    [sources.size, sources.size === 1 ? "source" : "sources"],
    [red, "marked TLP:RED"],
  ];
  const made = figures.map(([number, text]) =>
    element("div", { class: "tile" }, element("b", {}, String(number)), element("span", {}, text)));
  document.getElementById("tiles").replaceChildren(...made);
}

function state(text, name) {
  put("stream", text);
  document.getElementById("stream").className = `state ${name}`;
}

async function catchUp() {
  const page = await ask(`/api/v1/statements?limit=1000&latest=${KEPT}`);
  page.statements.forEach((item) => add(item, false));
  return page.next;
}

async function listen() {
  const after = await catchUp();
  show("empty", seen.size === 0);
  tiles();
  stream = new EventSource(`/api/v1/events?after=${encodeURIComponent(after)}`);
  stream.addEventListener("open", () => state("live", "live"));
  stream.addEventListener("error", () => state("connection lost, trying again", "lost"));
  stream.addEventListener("end", () => location.assign("/login"));
  stream.addEventListener("statement", (event) => {
    add(JSON.parse(event.data), true);
    tiles();
  });
}

function verdict(item) {
  const proof = item.provenance;
  if (proof.verified) return element("span", { class: "yes" }, "✓ verified: both signatures of the origin hold");
  const own = proof.proof === null;
  return element("span", { class: own ? "dim" : "no" }, own ? "– not sealed yet" : `✗ ${proof.problem}`);
}

function origin(item) {
  const proof = item.provenance;
  return facts([
    ["Source", item.source],
    ["Statement", element("span", { class: "mono" }, item.statement)],
    ["Received", item.received_at],
    ["Purpose", item.purpose],
    ["Precedence", item.precedence],
    ["Proof", verdict(item)],
    ["Object digest", element("span", { class: "mono" }, proof.digest)],
    ["Signed by key", element("span", { class: "mono" }, proof.proof ? proof.proof.key_id : "–")],
  ]);
}

function decision(member) {
  const word = member.permit ? "may have it" : "withheld";
  return [member.member, element("span", { class: member.permit ? "yes" : "no" }, word), member.reason];
}

function stage(member) {
  const at = member.at ? ` ${time(member.at)}` : "";
  return [member.member, element("span", { class: member.state === "received" ? "yes" : "dim" }, member.state + at), member.reason];
}

async function details(id) {
  const base = `/api/v1/statements/${encodeURIComponent(id)}`;
  const item = await ask(base);
  const why = await ask(`${base}/explanation`);
  const parts = [
    element("p", { class: "crumb" }, element("a", { href: "#/" }, "← Arrivals")),
    element("div", { class: "head" }, element("h1", {}, item.title || item.object_id), label(item.label)),
    element("p", { class: "dim mono" }, item.object_id),
    element("h2", {}, "Where it comes from"), origin(item),
    element("h2", {}, "Who may have it"), table(["Member", "Decision", "Reason"], why.members.map(decision)),
  ];
  const way = await ask(`${base}/delivery`).catch(() => null);
  if (way) parts.push(element("h2", {}, "How far it got"), table(["Member", "State", "Reason"], way.members.map(stage)));
  parts.push(element("h2", {}, "The object, as it was signed"), element("pre", {}, JSON.stringify(item.object, null, 2)));
  document.getElementById("details").replaceChildren(...parts);
}

async function route() {
  const id = location.hash.match(/^#\/statements\/(.+)$/)?.[1];
  show("problem", false);
  if (id) await details(decodeURIComponent(id));
  show("details", Boolean(id));
  show("watch", !id);
}

async function begin() {
  const me = await ask("/api/v1/me");
  if (me.roles.every((role) => role === "administrator")) return location.replace("/account");
  if (me.roles.every((role) => WITHOUT_CONTENT.includes(role))) return location.replace("/office");
  document.title = `${me.member} · Ringwall`;
  put("alliance", me.alliance.name);
  put("kind", me.alliance.kind);
  document.getElementById("kind").classList.add(`kind-${me.alliance.kind}`);
  ["kind", "logout"].forEach((id) => show(id, true));
  put("member", me.member);
  put("reader", `${me.name} · ${me.roles.join(", ")}`);
  await Promise.all([route(), listen()]);
}

document.getElementById("logout").addEventListener("click", async () => {
  stream?.close();
  await fetch("/api/v1/logout", { method: "POST" });
  location.assign("/login");
});
window.addEventListener("hashchange", () => route().catch(fail));
begin().catch(fail);
