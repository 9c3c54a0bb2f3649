// Explain: the decision per member, every gate with its rule, where it is written, and the fact.
import { read, tell } from "./calls.js";
import { answered, count, listed, moment, named, plural, reveal, submitted } from "./forms.js";
import { element, facts, label, show, table } from "./view.js";

const STATEMENT = /^[a-z0-9-]+:\d+$/;
const MOST = 20;
const OUTCOMES = { pass: "lets it pass", abstain: "has nothing to say", deny: "forbids it" };

function outcome(gate) {
  const kind = { pass: "yes", deny: "no", abstain: "dim" }[gate.outcome];
  return element("span", { class: `${kind} short` }, OUTCOMES[gate.outcome]);
}

export function gates(member) {
  const rows = member.gates.map((each) => [each.gate, outcome(each), each.fact, each.source || "–", element("code", { class: "short" }, each.rule)]);
  const parts = [table(["Gate", "Says", "Because", "Where it is written", "Rule"], rows)];
  const more = [];
  if (member.until) more.push(["Decided so until", moment(member.until)]);
  if (member.duties?.length) more.push(["Handling", member.duties.join(", ")]);
  for (const each of member.withheld) more.push([`Without ${each.field}`, `${each.fact} (${each.source})`]);
  if (more.length) parts.push(facts(more));
  return parts;
}

function decision(member, alone) {
  const fields = member.withheld.map((each) => each.field).join(", ");
  const reason = element("span", {}, member.reason);
  if (fields) reason.append(element("span", { class: "dim" }, ` (without ${fields})`));
  const summary = element("summary", {},
    element("span", { class: "name" }, named(member.member)),
    answered(member.permit, member.permit ? "may have it" : "withheld"),
    reason);
  return element("details", { class: "member", ...(alone ? { open: "" } : {}) }, summary, ...gates(member));
}

function terms(stated) {
  const found = [];
  if (stated.sectors?.length) found.push(["Sectors", stated.sectors.join(", ")]);
  if (stated.embargo) found.push(["Embargo until", moment(stated.embargo)]);
  if (stated.onward_to?.length) found.push(["May be passed on to", `${listed(stated.onward_to)}, ${plural(stated.hops, "time", "times")} at most`]);
  return found;
}

function explanation(found, title, id) {
  const heading = element("h2", {}, title, " ", label(found.label));
  const about = facts([
    ...(id ? [["Statement", element("code", {}, id)]] : []),
    ["Stated by", named(found.origin)], ["Type", found.object_type], ["Purpose", found.purpose],
    ...terms(found.terms), ["Policy version", element("code", {}, found.policy_version)],
  ]);
  const open = element("button", { type: "button", class: "second" }, "Open all gates");
  const members = element("div", { class: "members" }, ...found.members.map((each) => decision(each, found.members.length === 1)));
  open.addEventListener("click", () => members.querySelectorAll("details").forEach((each) => { each.open = true; }));
  const given = found.members.filter((each) => each.permit).length;
  const sum = element("p", {}, `${count(given)} of ${count(found.members.length)} may have it.`);
  return element("section", { class: "card-row" }, heading, about, element("div", { class: "acts" }, sum, open), members);
}

async function statementsAbout(id) {
  if (STATEMENT.test(id)) return [await read(["statements", id])];
  return (await read(["objects", id, "statements"], { limit: MOST })).statements;
}

async function explainAll(form) {
  const [id, to] = [form.elements.id.value.trim(), form.elements.to.value];
  document.getElementById("explained").replaceChildren();
  const found = [];
  for (const each of await statementsAbout(id)) {
    const why = await read(["statements", each.statement, "explanation"], { to });
    found.push(explanation(why, each.title || each.object_id, each.statement));
  }
  reveal("explained", ...found);
}

async function suppose(form) {
  const asked = Object.fromEntries(new FormData(form));
  document.getElementById("explained").replaceChildren();
  reveal("explained", explanation(await tell("POST", ["explanations"], asked), "If it were stated"));
}

export function explain({ may }) {
  const content = may(["analyst", "release-officer", "watch-officer", "submitter"], "read");
  show("about", content);
  document.getElementById("supposing").open = !content;
  submitted("about", "explain-wrong", explainAll);
  submitted("supposed", "explain-wrong", suppose);
  return () => {};
}
