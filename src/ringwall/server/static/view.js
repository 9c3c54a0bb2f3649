// Building blocks of the page. Everything from the network is set as text, never as markup.

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export function show(id, visible) {
  document.getElementById(id).hidden = !visible;
}

export function put(id, text) {
  document.getElementById(id).textContent = text;
}

// "TLP:AMBER//REL TO arden, caledon" -> the TLP as a badge that names it, the rest beside it.
export function label(text) {
  const [tlp, ...rest] = text.split("//");
  const colour = tlp.replace("TLP:", "").replace("+STRICT", "").toLowerCase();
  const known = ["clear", "green", "amber", "red"].includes(colour) ? ` tlp-${colour}` : "";
  const whole = element("span", { class: "label" }, element("span", { class: `tlp${known}` }, tlp));
  if (rest.length) whole.append(element("span", { class: "rel" }, rest.join(" ")));
  return whole;
}

export function time(text) {
  const moment = new Date(text);
  const year = moment.getFullYear() === new Date().getFullYear() ? {} : { year: "numeric" };
  const day = moment.toLocaleDateString(undefined, { day: "2-digit", month: "short", ...year });
  return `${day} ${moment.toLocaleTimeString(undefined, { hour12: false })}`;
}

export function facts(pairs) {
  const list = element("dl");
  for (const [name, value] of pairs) list.append(element("dt", {}, name), element("dd", {}, value));
  return list;
}

// On a narrow screen every row stands as a block, with the headings beside its cells.
export function table(headings, rows) {
  const head = element("tr", {}, ...headings.map((text) => element("th", { scope: "col" }, text)));
  const body = rows.map((cells) => element("tr", {},
    ...cells.map((cell, column) => element("td", { "data-head": headings[column] }, cell))));
  const whole = element("table", { class: "rows" }, element("thead", {}, head), element("tbody", {}, ...body));
  return element("div", { class: "table" }, whole);
}
