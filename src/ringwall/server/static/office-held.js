// Held releases: what waits for a second release officer, confirmed or refused with a second click.
import { read, send } from "./calls.js";
import { attempt, listedOwners, moment, plural, report, twice } from "./forms.js";
import { element, facts, label, put } from "./view.js";

const MOST_TITLES = 10;

// Says of a statement what it is about, as soon as the node has told it.
async function entitle(item, id) {
  const { title, type } = await read(["statements", id]);
  item.prepend(`${title || "without a title"} (${type}) `);
}

function links(statements) {
  const items = statements.map((id) =>
    element("li", {}, element("a", { href: `/#/statements/${encodeURIComponent(id)}` }, id)));
  items.slice(0, MOST_TITLES).forEach((item, index) => entitle(item, statements[index]).catch(() => {}));
  return element("ul", { class: "plain" }, ...items);
}

export function held({ me, may }) {
  const decides = may(["release-officer"], "decide");

  async function end(method, parts, done, yes) {
    await attempt("held-wrong", async () => {
      const ended = await send(method, parts).catch((error) => {
        if (error.status !== 404) throw error;
      });
      await list();
      if (!ended) throw new Error("it waits no more: somebody else has decided");
      report("held-done", done);
    }, yes);
  }

  function acts(each, members) {
    if (each.submitted_by === me.reader)
      return element("p", { class: "dim" }, "You submitted it: another release officer has to decide.");
    if (!decides) return element("p", { class: "dim" }, "Your credential may read this and not decide it.");
    const what = plural(each.statements.length, "statement", "statements");
    const byItself = each.rule === "names-held";
    const confirm = () => twice("Confirm", `Yes, let ${what} go to ${members}`, "", (yes) =>
        end("POST", ["held-releases", each.id, "confirmation"], `Confirmed: ${what} on the way to ${members}.`, yes));
    const refuse = twice("Refuse", `Yes, never let it go to ${members}`, "take", (yes) =>
        end("DELETE", ["held-releases", each.id], `Refused: ${members} will not get ${what}.`, yes));
    const words = "Nobody confirms this: it goes by itself as soon as nothing that it names waits any more.";
    return element("div", { class: "acts" }, ...(byItself ? [refuse, element("p", { class: "dim" }, words)] : [confirm(), refuse]));
  }

  function card(each) {
    const members = listedOwners(each.nodes);
    const heading = element("h2", {}, `To ${members} `, label(each.label));
    return element("section", { class: "card-row" }, heading, facts([
      ["Waits because of", `${each.clause} (rule ${each.rule})`], ["Submitted by", each.submitted_by],
      ["At", moment(each.at)], ["Statements", links(each.statements)],
    ]), acts(each, members));
  }

  async function list() {
    const { held: found } = await read(["held-releases"]);
    const none = element("p", { class: "dim" }, "Nothing waits for a second person.");
    document.getElementById("waiting").replaceChildren(...(found.length ? found.map(card) : [none]));
  }

  return () => {
    put("held-done", "");
    attempt("held-wrong", list);
  };
}
