// Agreements: who signed what; previewed before it is proposed, signed or withdrawn.
import { read, send, tell } from "./calls.js";
import { attempt, button, bytesOf, count, listed, moment, named, plural, report, reveal, submitted, twice, unchanging } from "./forms.js";
import { element, facts, put, show, table } from "./view.js";

const STATES = {
  proposed: "proposed, not signed by all", "not-begun": "signed, not begun", "in-force": "in force",
  "not-affirmed": "not affirmed since this node was restored",
  ended: "ended", replaced: "replaced by a later version", withdrawn: "withdrawn",
};
const ORDER = Object.keys(STATES);
const ENDED = ["withdrawn", "replaced", "ended"];

function changes(members) {
  if (!members.length) return element("p", {}, "Nothing that we stated so far opens or closes for anybody.");
  const rows = members.map((each) => [named(each.member), count(each.opens), count(each.closes)]);
  return table(["Member", "Statements of ours that become visible", "That close"], rows);
}

// "1,204 statements become visible to Japan, 3 to Dorne; send past ones?"
function pastChoice(members) {
  const [first, ...others] = members.filter((each) => each.opens);
  const box = element("input", { type: "checkbox", name: "past" });
  if (!first) return { box, shown: [] };
  const rest = others.map((each) => `, ${count(each.opens)} to ${named(each.member)}`).join("");
  const become = plural(first.opens, "statement becomes", "statements become");
  const words = `${become} visible to ${named(first.member)}${rest}; send past ones?`;
  return { box, shown: [element("label", { class: "check" }, box, words)] };
}

function parties(each) {
  return table(["Party", "Signed", "Withdrawn"], each.parties.map((party) => [
    named(party),
    each.signed[party]
      ? element("span", { class: "yes" }, `✓ ${moment(each.signed[party])}`)
      : element("span", { class: "no" }, "✗ not yet"),
    each.withdrawn[party] ? moment(each.withdrawn[party]) : "",
  ]));
}

function described(each) {
  return [each.title, listed(each.parties), each.purposes.join(", "), each.highest_tlp, moment(each.valid_until), each.clause];
}

export function agreements({ me, may, alliance }) {
  const officer = may(["policy-officer"], "decide");

  async function done(words) {
    await list().finally(() => report("agreements-done", words));
  }

  async function signing(each, place) {
    const { members } = await read(["agreements", each.digest, "preview"]);
    const { box, shown } = pastChoice(members);
    const sign = twice("Sign", `Yes, sign ${each.id} for ${named(me.member)}`, "", (yes) =>
      attempt("agreements-wrong", async () => {
        const state = await tell("POST", ["agreements", each.digest, "signature"], { send_past: box.checked });
        await done(`Signed ${state.id}, version ${state.version}: ${STATES[state.state] ?? state.state}.`);
      }, yes));
    const heading = element("h3", {}, "What it opens and closes once all have signed it");
    place.replaceChildren(heading, changes(members), ...shown, element("div", { class: "acts" }, sign));
  }

  async function withdrawing(each, place) {
    const { members } = await read(["agreements", each.digest, "withdrawal"]);
    const out = twice("Withdraw", `Yes, withdraw ${named(me.member)} from ${each.id}`, "take", (yes) =>
      attempt("agreements-wrong", async () => {
        await send("DELETE", ["agreements", each.digest]);
        await done(`Withdrawn from ${each.id}: closed here now, at the others when they hear of it.`);
      }, yes));
    const heading = element("h3", {}, "What closes if we withdraw");
    place.replaceChildren(heading, changes(members), element("div", { class: "acts" }, out));
  }

  function acts(each) {
    const place = element("div", { class: "results" });
    const choices = [];
    const look = (text, kind, work) => {
      const made = button(text, kind, () => attempt("agreements-wrong", () => work(each, place), made));
      choices.push(made);
    };
    if (!ENDED.includes(each.state)) {
      if (each.missing.includes(me.member)) look("Preview and sign …", "", signing);
      if (!each.withdrawn[me.member]) look("Preview a withdrawal …", "second", withdrawing);
    }
    return officer && choices.length ? [element("div", { class: "acts" }, ...choices), place] : [];
  }

  function card(each) {
    const kind = each.state === "in-force" ? "yes" : ENDED.includes(each.state) ? "dim" : "";
    const heading = element("h3", {}, each.title, " ", element("span", { class: `badge ${kind}` }, STATES[each.state] ?? each.state));
    const text = element("pre", {}, JSON.stringify(each.document, null, 2));
    const whole = element("details", {}, element("summary", {}, "The agreement, word for word"), text,
      element("p", { class: "dim small" }, "SHA-256 ", element("code", {}, each.digest)));
    return element("section", { class: "card-row" }, heading, facts([
      ["Agreement", `${each.id}, version ${each.version}`], ["Clause", each.clause],
      ["Holds", `${moment(each.valid_from)} to ${moment(each.valid_until)}`],
    ]), parties(each), whole, ...acts(each));
  }

  async function list() {
    const { agreements: found } = await read(["agreements"]);
    found.sort((one, other) => ORDER.indexOf(one.state) - ORDER.indexOf(other.state));
    const none = element("p", { class: "dim" }, "No agreement was proposed yet.");
    document.getElementById("signed").replaceChildren(...(found.length ? found.map(card) : [none]));
  }

  async function propose(body, type, box) {
    const made = await send("POST", ["agreements"], { body, type });
    if (box.checked) await tell("POST", ["agreements", made.digest, "signature"], { send_past: true });
    document.getElementById("proposal").reset();
    document.getElementById("proposed").replaceChildren();
    await done(`Proposed ${made.id}, version ${made.version}: signed by us, sent to ${listed(made.missing) || "nobody else"}.`);
  }

  async function look(form) {
    const check = begin();
    const body = await bytesOf(form);
    const type = new TextDecoder().decode(body).trimStart().startsWith("{") ? "application/json" : "application/yaml";
    const { members } = await send("POST", ["agreements", "preview"], { body, type });
    check();
    const { box, shown } = pastChoice(members);
    const sure = twice("Sign and propose it", `Yes, sign it for ${named(me.member)} and send it to the parties`, "", (yes) =>
      attempt("proposal-wrong", () => propose(body, type, box), yes));
    const heading = element("h3", {}, "What it would open and close once all have signed it");
    reveal("proposed", heading, changes(members), ...shown, element("div", { class: "acts" }, sure));
  }

  show("proposing", officer);
  const form = submitted("proposal", "proposal-wrong", look);
  const begin = unchanging(form);
  form.addEventListener("input", () => document.getElementById("proposed").replaceChildren());
  document.getElementById("described").replaceChildren(
    table(["Title", "Parties", "Purposes", "Up to", "Ends", "Clause"], alliance.agreements.map(described)));
  return () => {
    put("agreements-done", "");
    attempt("agreements-wrong", list);
  };
}
