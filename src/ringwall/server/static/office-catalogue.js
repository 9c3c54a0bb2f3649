// The catalogue of what exists at other members, requests to them, and answers to theirs.
import { read, tell } from "./calls.js";
import { attempt, button, listed, moment, named, parted, report, submitted, utc } from "./forms.js";
import { element, facts, label, put, show, table } from "./view.js";

const KINDS = { access: "Access", downgrade: "Downgrade", "release-further": "Further release" };
const AMOUNTS = { some: "fewer than 10", tens: "fewer than 100", hundreds: "fewer than 1,000", thousands: "1,000 or more" };
const ANSWERS = { granted: "granted", partly: "granted in part", refused: "refused" };

const sectors = (entry) => (entry.sectors === null ? "not told" : entry.sectors.join(", ") || "none");

function entryText(entry) {
  return [entry.type || "objects", entry.time && `of ${entry.time}`, AMOUNTS[entry.amount] ?? entry.amount, entry.label]
    .filter(Boolean).join(", ");
}

function choice(name, text, options) {
  const made = options.map(([value, shown]) => element("option", { value }, shown));
  return element("label", {}, text, element("select", { name }, ...made));
}

function answerForm(request, work) {
  const form = element("form", { class: "form" },
    choice("state", "Answer", Object.entries(ANSWERS)),
    element("label", {}, "Statements that were stated for it", element("input", { name: "statements", autocomplete: "off" }),
      element("span", { class: "hint" }, `parted by commas; on their way to ${named(request.member)} already`)),
    element("label", { class: "wide" }, "In words", element("textarea", { name: "words", rows: "2", required: "", maxlength: "1000" })),
    element("div", { class: "acts wide" }, element("button", { type: "submit" }, "Send the answer")));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    work(form, form.querySelector("button"));
  });
  return element("details", {}, element("summary", {}, "Answer it"), form);
}

function about(request) {
  const { answer, entry } = request;
  const found = [["About", entry ? entryText(entry) : element("code", {}, request.subject)], ["Reason", request.reason], ["Purpose", request.purpose]];
  if (request.label) found.push(["Wished label", label(request.label)]);
  if (request.members.length) found.push(["Release also to", listed(request.members)]);
  found.push(["Asked", `${moment(request.asked_at)}${request.asked_by ? ` by ${request.asked_by}` : ""}`]);
  if (request.by) found.push(["Answer wished for until", moment(request.by)]);
  if (answer) found.push(["Answer", `${answer.words} (${moment(answer.at)}${answer.by ? `, ${answer.by}` : ""})`]);
  if (answer?.statements.length) found.push(["Statements", answer.statements.join(", ")]);
  return facts(found);
}

function card(request, ...more) {
  const kind = request.state === "open" ? "dim" : request.state === "refused" ? "no" : "yes";
  const word = request.overdue ? "overdue" : ANSWERS[request.state] ?? request.state;
  const who = request.direction === "in" ? `${named(request.member)} asks` : `to ${named(request.member)}`;
  const heading = element("h3", {}, `${KINDS[request.kind]}, ${who} `, element("span", { class: `badge ${request.overdue ? "no" : kind}` }, word));
  return element("section", { class: "card-row" }, heading, about(request), ...more);
}

export function catalogue({ may }) {
  const [asks, answers] = [may(["analyst", "release-officer"], "submit"), may(["release-officer"], "read")];
  const decides = may(["release-officer"], "decide");
  const wish = document.getElementById("wish");

  function fit() {
    for (const each of wish.querySelectorAll("[data-kind]"))
      each.hidden = each.dataset.kind !== wish.elements.kind.value;
  }

  function request(entry) {
    wish.elements.kind.value = "access";
    wish.elements.subject.value = entry.id;
    if (entry.purpose) wish.elements.purpose.value = entry.purpose;
    fit();
    wish.elements.reason.focus();
  }

  function row(entry) {
    const ask = button("Request access", "second", () => request(entry));
    ask.setAttribute("aria-label", `Request access: ${named(entry.owner)}, ${entryText(entry)}`);
    return [named(entry.owner), entry.type || "not told", sectors(entry), entry.time || "not told",
      entry.label ? label(entry.label) : "not told", AMOUNTS[entry.amount] ?? entry.amount, asks ? ask : ""];
  }

  async function entries(form, after = "") {
    const query = { ...Object.fromEntries(new FormData(form)), after };
    const page = await read(["catalogue"], query);
    const place = document.getElementById("entries");
    if (!after) place.replaceChildren();
    const shown = page.entries.length
      ? table(["Owner", "Type", "Sectors", "When", "Label", "How much", ""], page.entries.map(row))
      : element("p", { class: "dim" }, "Nothing is told of.");
    place.append(shown);
    if (!page.next) return;
    const more = button("More", "second", () => attempt("catalogue-wrong", async () => {
      await entries(form, page.next);
      more.remove();
    }, more));
    place.append(more);
  }

  function answer(each, form, sent) {
    return attempt("catalogue-wrong", async () => {
      const { state, words, statements } = form.elements;
      const reply = { state: state.value, words: words.value, statements: parted(statements.value) };
      await tell("POST", ["requests", each.id, "answer"], reply);
      await requests();
      report("catalogue-done", `Answered ${named(each.member)}: ${ANSWERS[reply.state]}.`);
    }, sent);
  }

  async function fill(id, direction, made) {
    const { requests: found } = await read(["requests"], { direction });
    const none = element("p", { class: "dim" }, "There is no request.");
    document.getElementById(id).replaceChildren(...(found.length ? found.map(made) : [none]));
  }

  async function requests() {
    await fill("outgoing", "out", (each) => card(each));
    if (!answers) return;
    await fill("incoming", "in", (each) =>
      card(each, ...(decides && each.state === "open" ? [answerForm(each, (form, sent) => answer(each, form, sent))] : [])));
  }

  show("asking", asks);
  show("asked-of-us", answers);
  wish.elements.kind.addEventListener("change", fit);
  fit();
  const filters = submitted("filters", "catalogue-wrong", entries);
  submitted("wish", "wish-wrong", async () => {
    const { kind, subject, reason, purpose, label: wished, members, by } = wish.elements;
    const made = await tell("POST", ["requests"], {
      kind: kind.value, subject: subject.value.trim(), reason: reason.value, purpose: purpose.value.trim(), by: utc(by.value),
      label: kind.value === "downgrade" ? wished.value.trim() : "",
      members: kind.value === "release-further" ? parted(members.value) : [],
    });
    wish.reset();
    fit();
    await requests();
    report("catalogue-done", `Sent to ${named(made.member)}.`);
  });
  return () => {
    put("catalogue-done", "");
    attempt("catalogue-wrong", async () => {
      const there = await requests().then(() => true, (error) => {
        if (error.status !== 404) throw error;
      });
      show("no-catalogue", !there);
      show("dealings", there);
      if (there) await entries(filters);
    });
  };
}
