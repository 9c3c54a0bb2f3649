// Passing on: look at every gate first, then pass on exactly that; and what became of it there.
import { read, tell } from "./calls.js";
import { answered, attempt, listedOwners, moment, named, report, reveal, submitted, twice, unchanging } from "./forms.js";
import { gates } from "./office-explain.js";
import { element, facts, table } from "./view.js";

const OUTCOMES = {
  "withheld": [false, "withheld"],
  "would-go": [true, "may have it"],
  "waits": ["waits", "waits for a second officer"],
  "sent": [true, "on its way"],
  "known": [true, "has it from here"],
};
const STATES = { sent: "not confirmed yet", taken: "stored there", refused: "refused there", closed: "closed before it was confirmed" };

function outcome(each, act) {
  const [permit, word] = OUTCOMES[each.outcome];
  const summary = element("summary", {},
    element("span", { class: "name" }, named(each.member)), answered(permit, word), element("span", {}, each.reason));
  const found = element("details", { class: "member", open: "" }, summary, ...gates(each));
  if (act) found.append(element("div", { class: "acts" }, act));
  return found;
}

async function soFar(id) {
  const { relays } = await read(["statements", id, "relays"]);
  if (!relays.length) return element("p", { class: "dim" }, "It was passed on to nobody from here.");
  const rows = relays.map((each) => [
    listedOwners([each.node]), STATES[each.state], moment(each.at), each.by,
    each.withheld.join(", ") || "–", each.reason || "–",
  ]);
  return table(["Member", "State", "At", "Passed on by", "Without", "Why not"], rows);
}

export function onward({ may }) {
  const decides = may(["release-officer"], "decide");
  const form = document.getElementById("passing");
  const begin = unchanging(form);

  async function present(id, members, act) {
    const heading = element("h2", {}, "Passed on so far");
    reveal("passed", element("section", { class: "card-row" }, facts([["Statement", element("code", {}, id)]]),
      element("div", { class: "members" }, ...members.map((each) => outcome(each, act(each))))), heading, await soFar(id));
  }

  function offer(id, unchanged, each) {
    if (!["would-go", "waits"].includes(each.outcome)) return null;
    if (!decides) return element("p", { class: "dim" }, "Your credential may read this and not decide it.");
    const text = each.outcome === "waits" ? "Ask for it" : "Pass it on";
    return twice(text, `Yes, to ${named(each.member)}`, "", (yes) => attempt("onward-wrong", async () => {
      unchanged();
      const { members } = await tell("POST", ["statements", id, "relays"], { to: [each.member] });
      await present(id, members, () => null);
      report("onward-done", members.map((one) => `${named(one.member)}: ${OUTCOMES[one.outcome][1]}.`).join(" "));
    }, yes));
  }

  submitted("passing", "onward-wrong", async () => {
    const unchanged = begin();
    const [id, to] = [form.elements.id.value.trim(), form.elements.to.value];
    document.getElementById("passed").replaceChildren();
    const { members } = await tell("POST", ["statements", id, "relays"], { to: [to], dry_run: true });
    document.getElementById("onward-done").textContent = "";
    await present(id, members, (each) => offer(id, unchanged, each));
  });
  return () => {};
}
