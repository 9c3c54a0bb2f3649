// The account page: a reader's own rights, passkeys, sessions and tokens.
import { available, create } from "./passkeys.js";
import { element, facts, put, show, table, time } from "./view.js";

const CONTENT = ["analyst", "release-officer", "watch-officer", "submitter"];
const LEVELS = ["CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"];

async function ask(method, path, document) {
  const options = { method, headers: { accept: "application/json" } };
  if (document !== undefined) {
    options.headers["content-type"] = "application/json";
    options.body = JSON.stringify(document);
  }
  const answer = await fetch(`/api/v1/${path}`, options);
  if (answer.status === 401) {
    location.assign("/login");
    throw new Error("not logged in");
  }
  if (answer.status === 204) return null;
  const found = await answer.json();
  if (!answer.ok) throw new Error(found.detail ?? answer.statusText);
  return found;
}

function attempt(work) {
  show("problem", false);
  work().catch((error) => {
    put("problem", error.name === "NotAllowedError" ? "no passkey was made" : error.message);
    show("problem", true);
  });
}

function taking(text, name, path) {
  const button = element("button", { class: "take", type: "button" }, text);
  button.setAttribute("aria-label", `${text}: ${name}`);
  button.addEventListener("click", () => attempt(async () => {
    await ask("DELETE", path);
    await list();
  }));
  return button;
}

function fill(id, headings, rows, none) {
  const shown = rows.length ? table([...headings, ""], rows) : element("p", { class: "dim" }, none);
  document.getElementById(id).replaceChildren(shown);
}

async function list() {
  const { passkeys } = await ask("GET", "passkeys");
  fill("passkeys", ["Name", "Made", "Last login"], passkeys.map((each) => [
    each.note || each.id, time(each.created), each.used ? time(each.used) : "never",
    taking("Remove", each.note || each.id, `passkeys/${each.id}`),
  ]), "You have no passkey.");
  const { sessions } = await ask("GET", "sessions");
  fill("sessions", ["Began", "With", "From", "Ends"], sessions.map((each) => [
    time(each.created), each.method.replaceAll("-", " "), each.source, time(each.expires),
    each.current ? "this one" : taking("End", each.id, `sessions/${each.id}`),
  ]), "You have no session.");
  const { tokens } = await ask("GET", "tokens");
  fill("tokens", ["For", "May", "Highest TLP", "Expires"], tokens.map((each) => [
    each.note || each.id, each.scopes.join(", "), each.tlp || "as you",
    each.expires ? time(each.expires) : "never",
    taking("Revoke", each.note || each.id, `tokens/${each.id}`),
  ]), "You have no token.");
}

function present(me) {
  put("alliance", me.alliance.name);
  put("kind", me.alliance.kind);
  document.getElementById("kind").className = `kind kind-${me.alliance.kind}`;
  show("kind", true);
  put("member", me.member);
  put("reader", me.name);
  show("logout", true);
  show("arrivals", me.roles.some((role) => CONTENT.includes(role)));
  show("office", me.roles.some((role) => role !== "administrator"));
  const none = (items) => items.join(", ") || "none";
  document.getElementById("rights").replaceChildren(facts([
    ["Roles", none(me.roles)], ["Highest TLP", me.tlp], ["Nationality", me.nationality || "not stated"],
    ["Communities", none(me.communities)],
    ["Clearances", none(me.clearances.map((each) => `${each.policy} ${each.classification}`))],
  ]));
  for (const level of LEVELS.slice(0, LEVELS.indexOf(me.tlp) + 1).reverse())
    document.querySelector("select[name=tlp]").append(element("option", {}, level));
  for (const scope of me.scopes) {
    const box = element("input", { type: "checkbox", name: "scopes", value: scope });
    box.defaultChecked = scope === "read";
    document.getElementById("scopes").append(element("label", {}, box, scope));
  }
}

async function makeToken(form) {
  const sent = new FormData(form);
  const made = await ask("POST", "tokens", {
    note: sent.get("note"), tlp: sent.get("tlp"), days: Number(sent.get("days")),
    scopes: sent.getAll("scopes"),
  });
  put("secret", made.token);
  show("once", true);
  form.reset();
  await list();
}

async function makePasskey(form) {
  const credential = await create(await ask("POST", "passkeys/options"));
  await ask("POST", "passkeys", { credential, note: new FormData(form).get("note") });
  form.reset();
  await list();
}

function submitted(id, work) {
  const form = document.getElementById(id);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(() => work(form));
  });
}

document.getElementById("logout").addEventListener("click", () => attempt(async () => {
  await ask("POST", "logout");
  location.assign("/login");
}));
submitted("new-token", makeToken);
submitted("new-passkey", makePasskey);
show("new-passkey", available());
attempt(async () => {
  present(await ask("GET", "me"));
  await list();
  show("own", true);
});
