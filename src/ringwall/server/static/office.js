// The office: one section for each kind of work, shown to those whose roles allow it.
import { read, send } from "./calls.js";
import { names, offer, owners, words } from "./forms.js";
import { agreements } from "./office-agreements.js";
import { catalogue } from "./office-catalogue.js";
import { explain } from "./office-explain.js";
import { held } from "./office-held.js";
import { onward } from "./office-onward.js";
import { publish } from "./office-publish.js";
import { element, put, show } from "./view.js";

const CONTENT = ["analyst", "release-officer", "watch-officer"];
const SECTIONS = {
  publish: { roles: [...CONTENT, "submitter"], scope: "submit", open: publish },
  explain: { roles: [...CONTENT, "submitter", "policy-officer"], scope: "read", open: explain },
  held: { roles: ["release-officer"], scope: "read", open: held },
  onward: { roles: ["release-officer"], scope: "read", open: onward },
  agreements: { roles: ["policy-officer", "release-officer", "auditor"], scope: "read", open: agreements },
  catalogue: { roles: CONTENT, scope: "read", open: catalogue },
};

// Tells what the reader's roles and scopes allow, as the node would.
function rights(me) {
  return (roles, scope) => me.scopes.includes(scope) && roles.some((role) => me.roles.includes(role));
}

function present(me) {
  document.title = `Office of ${me.member} · Ringwall`;
  put("alliance", me.alliance.name);
  put("kind", me.alliance.kind);
  document.getElementById("kind").className = `kind kind-${me.alliance.kind}`;
  put("member", me.member);
  put("reader", `${me.name} · ${me.roles.join(", ")}`);
  ["kind", "logout"].forEach((id) => show(id, true));
  show("arrivals", SECTIONS.publish.roles.some((role) => me.roles.includes(role)));
}

function prepare(alliance, me) {
  for (const member of alliance.members) {
    names.set(member.id, member.name);
    for (const seat of member.nodes) owners.set(seat.id, member.id);
  }
  const purposes = new Set(alliance.agreements.flatMap((each) => each.purposes));
  offer("named-labels", Object.entries(alliance.labels).map(([name, text]) => [name, `${name}: ${text}`]));
  offer("purposes", [...purposes].sort().map((each) => [each, each]));
  const others = alliance.members.filter((each) => each.id !== me.member);
  for (const select of document.querySelectorAll("select[name=to], select[name=owner]"))
    select.append(...others.map((each) => element("option", { value: each.id }, each.name)));
}

function route(allowed, opened, given) {
  const wanted = location.hash.match(/^#\/([a-z]+)/)?.[1];
  if (location.hash && !wanted) return; // a link to a place on this page
  const chosen = allowed.includes(wanted) ? wanted : allowed[0];
  for (const name of Object.keys(SECTIONS)) show(name, name === chosen);
  for (const link of document.querySelectorAll("#tabs a")) {
    if (link.hash === `#/${chosen}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (wanted) document.querySelector(`#${chosen} h1`).focus();
  if (!opened.has(chosen)) opened.set(chosen, SECTIONS[chosen].open(given));
  opened.get(chosen)();
}

async function begin() {
  const me = await read(["me"]);
  present(me);
  const may = rights(me);
  const allowed = Object.keys(SECTIONS).filter((name) => may(SECTIONS[name].roles, SECTIONS[name].scope));
  if (!allowed.length) throw new Error(`Your roles have nothing to do here (${me.roles.join(", ")}). Your account is behind your name.`);
  const alliance = await read(["alliance"]);
  prepare(alliance, me);
  for (const link of document.querySelectorAll("#tabs a")) link.hidden = !allowed.includes(link.hash.slice(2));
  show("tabs", true);
  const opened = new Map();
  const go = () => route(allowed, opened, { me, may, alliance });
  window.addEventListener("hashchange", go);
  go();
}

function fail(error) {
  put("problem", words(error));
  show("problem", true);
}

document.getElementById("logout").addEventListener("click", () => {
  send("POST", ["logout"]).then(() => location.assign("/login"), fail);
});
begin().catch(fail);
