// Look before you publish: a dry run, told by recipient and by object; then exactly the same stated.
import { newKey, read, send } from "./calls.js";
import { answered, attempt, button, bytesOf, count, listedOwners, moment, named, parted, plural, reveal, submitted, unchanging, utc } from "./forms.js";
import { element, label, put, table } from "./view.js";

const MOST_SHOWN = 200;
const MOST_NAMED = 4 * 1024 * 1024;
const HEADINGS = ["name", "value", "pattern", "abstract", "relationship_type", "opinion", "content"];

function queryOf(form) {
  const of = (name) => form.elements[name].value.trim();
  return {
    label: of("label"), purpose: of("purpose"), precedence: of("precedence"),
    sectors: parted(of("sectors")).join(","), embargo: utc(of("embargo")),
    onward_to: parted(of("onward_to")).join(","), hops: of("hops"),
  };
}

// What each object calls itself; nothing where the text is not JSON or is very long.
function titlesIn(body) {
  if (body.length > MOST_NAMED) return new Map();
  try {
    const document = JSON.parse(new TextDecoder().decode(body));
    const objects = document.type === "bundle" || !document.type ? document.objects : [document];
    return new Map(objects.map((each) => [each.id, String(each[HEADINGS.find((name) => each[name])] ?? "")]));
  } catch {
    return new Map();
  }
}

function submission(draft, more) {
  const { body, query, key } = draft;
  const asked = { query: { ...query, ...more.query }, body, type: "application/json", key: more.key ? key : undefined };
  return send("POST", ["submissions"], asked).catch((error) => {
    if (error.problem?.refused) return error.problem;
    throw error;
  });
}

// Objects of which the same is decided for everybody stand together.
function alike(result) {
  const groups = new Map();
  for (const one of result.submitted) {
    const key = JSON.stringify([one.label, one.recipients, one.warnings]);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(one);
  }
  return [...groups.values()];
}

function byMember(result) {
  const found = new Map();
  for (const { recipients } of result.submitted)
    for (const each of recipients) {
      const had = found.get(each.member) ?? { gets: 0, cut: 0, waits: 0 };
      if (each.permit) had.gets += 1;
      if (each.permit && each.withheld.length) had.cut += 1;
      if (each.permit && each.waits) had.waits += 1;
      found.set(each.member, had);
    }
  return found;
}

function overview(result) {
  const all = result.submitted.length;
  const rows = [...byMember(result)].map(([member, { gets, cut, waits }]) => [
    element("strong", {}, named(member)),
    answered(gets > 0 && waits === gets ? "waits" : gets > 0, gets === all ? `all ${count(all)}` : gets ? `${count(gets)} of ${count(all)}` : "nothing"),
    cut ? `${count(cut)} without some fields` : "",
    waits ? `${count(waits)} not before a second officer confirms` : "",
  ]);
  return table(["Member", "Gets", "Fields", "Waits"], rows);
}

// The fact, and where it is written unless the fact names it itself.
function because({ fact, source }) {
  return fact.includes(source) ? fact : `${fact} (${source})`;
}

function fields(withheld) {
  if (!withheld.length) return "";
  const items = withheld.map((each) =>
    element("li", {}, element("code", {}, each.field), `: ${because(each)}`));
  return element("ul", { class: "plain" }, ...items);
}

function recipientRow(each) {
  const cut = each.permit && !each.withheld.length ? "none" : fields(each.withheld);
  const reason = element("span", {}, each.reason);
  if (each.waits) reason.append(element("strong", {}, ` · waits for a second officer (${each.waits})`));
  const decision = each.waits ? answered("waits", "waits") : answered(each.permit);
  return [named(each.member), decision, reason, cut];
}

function objectItem(one, titles) {
  const title = titles.get(one.object);
  const text = element("span", {}, title || one.object.split("--")[0]);
  const item = element("li", {}, text, element("code", {}, one.object));
  if (one.statement) {
    const link = element("a", { href: `/#/statements/${encodeURIComponent(one.statement)}` }, one.statement);
    item.append(link);
  }
  if (one.known) item.append(element("span", { class: "dim" }, "(was stated before)"));
  return item;
}

function group(members, titles) {
  const [{ label: text, recipients, warnings }] = members;
  const shown = members.slice(0, MOST_SHOWN).map((one) => objectItem(one, titles));
  if (members.length > MOST_SHOWN) shown.push(element("li", {}, `and ${count(members.length - MOST_SHOWN)} more`));
  const heading = element("h3", {}, plural(members.length, "object", "objects"), " ", label(text));
  const parts = [heading, element("ul", { class: "objects" }, ...shown)];
  for (const warning of warnings) parts.push(element("p", { class: "warn" }, warning));
  parts.push(table(["Member", "Decision", "Why", "Withheld fields"], recipients.map(recipientRow)));
  return element("section", { class: "card-row" }, ...parts);
}

function refusals(result) {
  if (!result.refused.length) return [];
  const rows = result.refused.slice(0, MOST_SHOWN).map((each) =>
    [String(each.index + 1), element("code", {}, each.object_id || "–"), each.message, each.field || "the whole object"]);
  const number = result.refused.length + result.unlisted;
  const title = `${plural(number, "object is", "objects are")} refused`;
  return [element("h2", { class: "no" }, title), table(["Place", "Object", "Why", "Field"], rows)];
}

function told(result, titles) {
  const parts = result.submitted.length ? [overview(result)] : [];
  return [...parts, ...refusals(result), ...alike(result).map((members) => group(members, titles))];
}

function decisions(result) {
  return new Map(result.submitted.map((one) =>
    [`${one.object} ${one.version}`, JSON.stringify(one.recipients.map((each) => [each.member, each.permit, each.withheld]))]));
}

// Policy may have changed between the look and the statement: then say so.
function changed(looked, stated) {
  const before = decisions(looked);
  const other = [...decisions(stated)].filter(([name, decided]) => before.get(name) !== decided);
  if (!other.length && before.size === stated.submitted.length) return [];
  const words = "What was decided differs from what you looked at, because something changed in between. Read it again.";
  return [element("p", { class: "warn", role: "alert" }, words)];
}

async function waiting(result, may) {
  if (!may(["release-officer"], "read")) return [];
  const mine = new Set(result.submitted.map((one) => one.statement));
  const { held } = await read(["held-releases"]).catch(() => ({ held: [] }));
  const waits = new Map(); // from where they go and why, to how many
  for (const each of held) {
    const number = each.statements.filter((one) => mine.has(one)).length;
    const why = `${listedOwners(each.nodes)}: ${each.clause}`;
    if (number) waits.set(why, (waits.get(why) ?? 0) + number);
  }
  return [...waits].map(([why, number]) => {
    const what = plural(number, "statement waits", "statements wait");
    return element("p", { class: "warn" }, `${what} for a second release officer before going to ${why}.`);
  });
}

// What is under embargo goes to nobody now: who gets it then is a look of its own.
async function afterwards(draft, looked) {
  const { embargo } = draft.query;
  if (!embargo) return [];
  if (looked.submitted.some((one) => one.recipients.some((each) => each.permit))) {
    const words = `The embargo was over at ${moment(embargo)}: what you state goes at once. If that is a mistake, name a later time.`;
    return [element("p", { class: "warn", role: "alert" }, words)];
  }
  const open = { ...draft, query: { ...draft.query, embargo: "" } };
  const result = await submission(open, { query: { dry_run: "true" } });
  const heading = element("h2", {}, `Who would get it when the embargo ends, ${moment(embargo)}, by the rules of today`);
  return [heading, ...told({ ...result, refused: [] }, draft.titles)];
}

async function state(draft, looked, may) {
  const result = await submission(draft, { query: {}, key: true });
  const news = result.submitted.filter((one) => !one.known).length;
  const heading = result.submitted.length
    ? `Stated: ${plural(news, "new statement", "new statements")}${news < result.submitted.length ? `, ${count(result.submitted.length - news)} stated before` : ""}`
    : "Nothing was stated";
  reveal("looked", element("h2", {}, heading), ...changed(looked, result), ...(await waiting(result, may)), ...told(result, draft.titles));
}

export function publish({ may }) {
  let draft = null;
  const place = document.getElementById("looked");
  const form = submitted("draft", "draft-wrong", async () => {
    place.replaceChildren();
    const check = begin();
    const body = await bytesOf(form);
    const made = { body, query: queryOf(form), key: newKey(), titles: titlesIn(body) };
    const result = await submission(made, { query: { dry_run: "true" } });
    const later = await afterwards(made, result);
    check();
    draft = made;
    const sure = button(`State it: ${plural(result.submitted.length, "object", "objects")}`, "", () =>
      attempt("draft-wrong", async () => {
        await state(made, result, may);
        draft = null;
      }, sure));
    const heading = element("h2", {}, "Who would get it ", element("span", { class: "dim" }, "(nothing is stated yet)"));
    const acts = element("div", { class: "acts", id: "stating" }, ...(result.submitted.length ? [sure] : []));
    reveal("looked", heading, ...told(result, made.titles), ...later, acts);
  });
  const begin = unchanging(form);
  // What was looked at is what is stated: a change of the form takes the button away.
  form.addEventListener("input", () => {
    if (!draft) return;
    draft = null;
    document.getElementById("stating")?.remove();
    put("draft-wrong", "");
    place.prepend(element("p", { class: "warn", role: "status" }, "The form was changed since: look again before you state it."));
  });
  form.addEventListener("reset", () => {
    draft = null;
    place.replaceChildren();
    put("draft-wrong", "");
  });
  return () => {};
}
