/* The inbox: its list, the conversation that is open, what is done by mouse and by key. */
import { Box, tellHere } from "./box.js";
import { Live } from "./live.js";
import { ask, bar, brokenPart, business, clearBar, complain, element, get, isLogin, post, root, sessionOver, tellTimes, toast, url, windowId, words } from "./page.js";
import { timelineOf } from "./timeline.js";

const HERE_MS = 10000;
const FORGOTTEN_MS = 25000;
const PATIENCE = 3; // so often news may fail before the page says that it is behind
const TITLE = document.title;
const find = (id) => document.getElementById(id);
const filter = find("filter");
const rows = find("rows");
let timeline = null;
let box = null;
let wanted = Number(root.dataset.conversation) || 0;

/* The list */

const query = () => {
  const given = new URLSearchParams(new FormData(filter));
  for (const [name, value] of [...given]) if (!value) given.delete(name);
  return given;
};

function tellAddress(replace = false) {
  const given = query();
  const address = url(wanted ? `${wanted}/` : "") + (String(given) ? `?${given}` : "");
  window.history[replace ? "replaceState" : "pushState"]({ wanted }, "", address);
}

function markOpen() {
  for (const link of rows.querySelectorAll("[data-open]")) {
    if (Number(link.dataset.open) === wanted) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

function tellCounts(counts) {
  for (const [name, count] of Object.entries(counts)) {
    const place = filter.querySelector(`[data-count="${name}"]`);
    if (place) place.textContent = count > 99 ? "99+" : count || "";
  }
}

function placeRows(found) {
  if (rows.querySelector("[role=alert]")) return; // the list did not come: rows of it would look like all
  for (const { id, html } of found) {
    const old = rows.querySelector(`.in-row[data-id="${id}"]`);
    const hadFocus = old?.contains(document.activeElement);
    if (!html) {
      old?.remove();
      continue;
    }
    const made = element(html);
    old?.remove();
    const at = new Date(made.dataset.at);
    const all = [...rows.querySelectorAll(".in-row")];
    const next = all.find((one) => new Date(one.dataset.at) < at);
    const more = rows.querySelector(".in-more");
    if (next) next.before(made);
    else if (more && !old) continue; // it is further down than what is loaded
    else rows.insertBefore(made, more);
    rows.querySelector(".in-empty")?.remove();
    if (Number(id) === wanted && timeline && !document.hidden) made.classList.remove("in-row--new");
    if (hadFocus) made.querySelector("a").focus();
    tellTimes(made);
  }
  if (!rows.querySelector("li")) window.htmx.trigger(filter, "submit");
  markOpen();
}

function step(by) {
  const links = [...rows.querySelectorAll("[data-open]")];
  const at = links.findIndex((one) => Number(one.dataset.open) === wanted);
  const next = links[at < 0 ? 0 : at + by];
  if (!next) return;
  next.scrollIntoView({ block: "nearest" });
  open(Number(next.dataset.open));
}

/* The conversation that is open */

function open(id, { push = true } = {}) {
  if (timeline && timeline.id !== id) leave();
  wanted = id;
  root.dataset.pane = id ? "thread" : "list";
  markOpen();
  if (push) tellAddress();
  if (!id) return;
  find("open").setAttribute("aria-busy", "true");
  window.htmx.ajax("GET", url(`${id}/thread/`), { target: "#open", swap: "innerHTML" });
}

function leave() {
  if (!timeline) return;
  tellHere(timeline.id, "gone");
  timeline.end();
  timeline = box = null;
}

function arrived() {
  timeline?.end();
  timeline = timelineOf();
  find("open").removeAttribute("aria-busy");
  if (!timeline) return;
  wanted = timeline.id;
  const before = box?.timeline.id === wanted ? box : null;
  box = find("box") ? new Box(timeline, () => news([timeline.id], []), before) : null;
  rows.querySelector(`.in-row[data-id="${wanted}"]`)?.classList.remove("in-row--new");
  rows.querySelector(`.in-row[data-id="${wanted}"] .in-dot`)?.remove();
  markOpen();
  present.clear();
  for (const one of JSON.parse(find("thread").dataset.present)) heardHere(one);
  tellHere(wanted, "viewing");
  tellTimes(find("thread"));
}

/* News */

let isAsking = null;
let again = null;
let failures = 0;
async function news(ids, messages) {
  if (isAsking) {
    again ??= { ids: new Set(), messages: new Set() };
    for (const one of ids) again.ids.add(one);
    for (const one of messages) again.messages.add(one);
    return isAsking;
  }
  isAsking = fetchNews(ids, messages).finally(() => {
    isAsking = null;
  });
  await isAsking;
  if (again) {
    const next = again;
    again = null;
    return news([...next.ids], [...next.messages]);
  }
  return undefined;
}

async function fetchNews(ids, messages) {
  const asked = query();
  const listed = String(asked);
  asked.set("ids", ids.slice(0, 100).join(","));
  const concerns = timeline && ids.includes(timeline.id);
  if (concerns) {
    for (const [name, value] of Object.entries(timeline.wanted(messages))) asked.set(name, value);
    if (!document.hidden) asked.set("seen", "yes");
  }
  try {
    const found = await get("news/", asked);
    if (listed === String(query())) placeRows(found.rows); // another list has been asked for meanwhile, whole
    tellCounts(found.counts);
    if (found.thread && timeline?.id === found.thread.id) {
      timeline.take(found.thread);
      box?.hear(found.thread.boxes);
    }
    title();
    if (failures >= PATIENCE) clearBar();
    failures = 0;
  } catch {
    failures += 1;
    const retry = window.setTimeout(() => news(ids, messages), 2000); // what was missed is asked for again
    if (failures < PATIENCE) return;
    const run = () => {
      window.clearTimeout(retry);
      news(ids, messages);
    };
    bar(words.behind, { text: words.now, run });
  }
}

function title() {
  const fresh = rows.querySelectorAll(".in-row--new").length;
  document.title = `${fresh ? `(${fresh}) ` : ""}${TITLE}`;
}

function anew() {
  window.htmx.trigger(filter, "submit");
  if (timeline) news([timeline.id], []);
}

/* Who else is here */

const present = new Map();

function heardHere(one) {
  if (one.window === windowId || String(one.login) === root.dataset.login || one.conversation_id !== timeline?.id) return;
  if (one.doing === "gone") present.delete(one.window);
  else present.set(one.window, { ...one, until: Date.now() + (one.doing === "typing" ? 6000 : FORGOTTEN_MS) });
  showHere();
}

function showHere() {
  const line = find("present");
  if (!line) return;
  for (const [key, one] of present) {
    if (one.until > Date.now()) continue;
    if (one.doing === "typing") present.set(key, { ...one, doing: "viewing", until: Date.now() + FORGOTTEN_MS });
    else present.delete(key);
  }
  const people = new Map();
  for (const one of present.values()) if (people.get(one.name) !== "typing") people.set(one.name, one.doing);
  const parts = [...people].map(([name, doing]) => `${name} ${words[doing]}`);
  const text = parts.join(" · ");
  if (line.textContent !== text) line.textContent = text;
  line.classList.toggle("in-present--typing", [...people.values()].includes("typing"));
}

window.setInterval(showHere, 1000);
window.setInterval(() => {
  if (timeline && !document.hidden) tellHere(timeline.id, "viewing");
}, HERE_MS);
window.addEventListener("pagehide", () => {
  box?.keep();
  if (timeline) tellHere(timeline.id, "gone");
});

/* Deeds */

const PATHS = { labels: "set-labels" };

async function deed(name, fields = {}) {
  if (!timeline) return;
  const { id } = timeline;
  try {
    const answer = await post(`${id}/${PATHS[name] || name}/`, fields);
    if (answer.errors) {
      toast(answer.errors.join(" "), { tone: "danger", seconds: 7 });
      return;
    }
    toast(answer.told);
    if (answer.anew && timeline?.id === id) open(id, { push: false });
    if (name === "unread") afterUnread(id);
    else await news([id], []);
    if (timeline) window.htmx.trigger("#side", "omega:side");
  } catch (error) {
    complain(error, () => timeline?.id === id && deed(name, fields));
  }
}

/* Who marks it unread does not want it read by what is open: it closes. */
function afterUnread(id) {
  leave();
  open(0);
  find("open").replaceChildren();
  news([id], []);
}

async function carryOut(button) {
  const { deed: name, sure, message, status, client, blocked } = button.dataset;
  button.closest("dialog")?.close();
  if (sure && !(await ask(sure))) return;
  if (name === "undo") {
    await box?.undo(Number(message));
    return;
  }
  const fields = { message, status, client, blocked };
  if (button.dataset.field) fields[button.dataset.field] = button.value;
  await deed(name, Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)));
}

const state = () => root.querySelector(".in-head__deeds")?.dataset || {};

function show(name) {
  const dialog = find(`dialog-${name}`);
  if (!dialog || dialog.open) return;
  for (const one of root.querySelectorAll("dialog[open]")) one.close();
  if (name === "labels") find("labels-text").value = (state().labels || "").split(",").join(", ");
  dialog.showModal();
}

const SNOOZES = {
  hour: () => new Date(Date.now() + 3600000),
  tomorrow: () => at9(1),
  monday: () => at9((8 - new Date().getDay()) % 7 || 7),
};

function at9(days) {
  const at = new Date();
  at.setDate(at.getDate() + days);
  at.setHours(9, 0, 0, 0);
  return at;
}

function snooze(at) {
  if (!Number.isNaN(at.getTime())) deed("status", { status: "snoozed", until: at.toISOString() });
}

/* The phone is a script of its own (voice/phone.js); one for the page, whatever is read meanwhile. */
function call() {
  if (timeline) document.dispatchEvent(new CustomEvent("omega:call", { detail: timeline.id }));
}

/* Views */

async function keepView(fields) {
  try {
    const answer = await post(`views/?business=${business()}`, fields);
    if (answer.errors) toast(answer.errors.join(" "), { tone: "danger" });
    else {
      toast(answer.told);
      if (answer.id) addView(answer);
    }
    return !answer.errors;
  } catch (error) {
    complain(error, () => keepView(fields));
    return false;
  }
}

function addView({ id, name, query: kept }) {
  for (const old of find("views").querySelectorAll(".in-view")) {
    if (old.querySelector("a").textContent === name) old.remove();
  }
  const view = document.createElement("span");
  view.className = "in-view";
  const link = document.createElement("a");
  link.href = `${url("")}?business=${business()}&${kept}`;
  link.textContent = name;
  const away = document.createElement("button");
  away.type = "button";
  away.dataset.viewRemove = id;
  away.textContent = "×";
  away.setAttribute("aria-label", `${name} ×`);
  view.append(link, away);
  find("views").append(view);
}

/* The mouse */

root.addEventListener("click", async (event) => {
  const target = event.target.closest("button, a");
  if (!target) return;
  const { dataset } = target;
  if (dataset.open && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    open(Number(dataset.open));
  } else if (dataset.deed) carryOut(target);
  else if (dataset.dialog) show(dataset.dialog);
  else if (dataset.rewrite) box?.rewrite(dataset.rewrite, dataset.body);
  else if ("call" in dataset) call();
  else if ("phone" in dataset) document.dispatchEvent(new CustomEvent("omega:phone"));
  else if (dataset.snooze) {
    target.closest("dialog").close();
    snooze(SNOOZES[dataset.snooze]());
  } else if (dataset.pane) root.dataset.pane = dataset.pane;
  else if ("close" in dataset) target.closest("dialog").close();
  else if ("clear" in dataset) clearFilter();
  else if (dataset.viewRemove && (await keepView({ remove: dataset.viewRemove }))) target.closest(".in-view").remove();
});

root.addEventListener("change", (event) => {
  const { target } = event;
  if (target.matches("select[data-deed]")) carryOut(target);
  if (target.id === "business") window.location.href = `${url("")}?business=${target.value}`;
});

root.addEventListener("submit", (event) => {
  const { id } = event.target;
  if (id === "snooze-form") snooze(new Date(find("snooze-at").value));
  else if (id === "labels-form") deed("labels", { label: find("labels-text").value.split(",") });
  else if (id === "view-form") {
    const asked = query();
    asked.delete("business");
    keepView({ name: find("view-name").value, query: String(asked) });
  } else if (id === "filter") event.preventDefault();
});

function clearFilter() {
  for (const field of filter.querySelectorAll("#filter-more select, #search")) field.value = "";
  filter.elements.unread.checked = false;
  window.htmx.trigger(filter, "submit");
}

find("filter-open").addEventListener("click", (event) => {
  const more = find("filter-more");
  more.hidden = !more.hidden;
  event.currentTarget.setAttribute("aria-expanded", String(!more.hidden));
});
find("view-keep").addEventListener("click", () => show("view"));

/* The keys */

const KEYS = {
  j: () => step(1),
  k: () => step(-1),
  "/": () => find("search").focus(),
  r: () => write("sms"),
  m: () => write("email"),
  n: () => write("note"),
  z: () => box?.undo(),
  c: call,
  a: () => find("assign-to")?.focus(),
  i: () => (state().me ? deed("assign", { staff: state().me }) : toast(words.noMatch)),
  e: () => state().status && deed("status", { status: state().status === "closed" ? "open" : "closed" }),
  p: () => timeline && deed("status", { status: "pending" }),
  s: () => show("snooze"),
  l: () => show("labels"),
  g: () => show("merge"),
  b: () => root.querySelector("#dialog-more [data-deed=block]")?.click(),
  x: () => deed("read"),
  u: () => deed("unread"),
  ".": () => show("more"),
  "?": () => show("keys"),
  Escape: () => {
    if (root.dataset.pane !== "list") root.dataset.pane = "list";
    rows.querySelector("[aria-current], [data-open]")?.focus();
  },
};

function write(mode) {
  if (!box) return;
  root.dataset.pane = "thread";
  box.turnTo(mode);
  box.body.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
  if (document.querySelector("dialog[open]")) return;
  if (event.target.matches("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]")) {
    if (event.key === "Escape" && event.target.id !== "box-body") event.target.blur();
    return;
  }
  const run = KEYS[event.key];
  if (!run) return;
  event.preventDefault();
  run();
});

/* What htmx fetches */

document.body.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr, target, pathInfo } = event.detail;
  if (isLogin(xhr.responseURL)) {
    event.detail.shouldSwap = false;
    sessionOver();
  } else if (target?.id === "open" && !pathInfo.requestPath.includes(`/${wanted}/`)) {
    event.detail.shouldSwap = false; // somebody has gone on to another one meanwhile
  } else if (target?.id === "open" && box) box.hadFocus = document.activeElement === box.body;
});
document.body.addEventListener("htmx:afterSwap", (event) => {
  const { target } = event.detail;
  if (target.id === "open") arrived();
  else if (target.id === "side-body") tellTimes(target);
  else if (rows.contains(target) || target.id === "rows") {
    tellTimes(rows);
    markOpen();
    title();
  }
});
document.body.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.elt === filter) {
    rows.setAttribute("aria-busy", "true");
    tellAddress(true);
  }
});
document.body.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.elt === filter) rows.setAttribute("aria-busy", "false");
});
for (const kind of ["htmx:responseError", "htmx:sendError"]) {
  document.body.addEventListener(kind, (event) => broken(event.detail));
}

/* A part that could not be fetched says so where it should stand, and how to go on. */
const ANEW = {
  open: () => open(wanted, { push: false }),
  "side-body": () => window.htmx.trigger("#side", "omega:side"),
  "merge-found": () => window.htmx.trigger("#merge-q", "input"),
};

function broken({ target, xhr, elt }) {
  if (!target || isLogin(xhr?.responseURL || "")) return;
  if (target.id === "open") target.removeAttribute("aria-busy");
  if (target.id === "filter-label") return;
  const line = document.createElement(target.matches("ul") || elt?.matches("li") ? "li" : "div");
  line.className = target.id === "open" ? "in-middle in-empty" : "in-empty";
  line.setAttribute("role", "alert");
  line.append(...brokenPart(xhr?.status, ANEW[target.id] || (() => window.htmx.trigger(filter, "submit"))));
  if (elt?.classList?.contains("in-more")) elt.replaceWith(line);
  else target.replaceChildren(line);
}

window.addEventListener("popstate", (event) => {
  const id = event.state?.wanted ?? (Number(/\/(\d+)\/$/.exec(window.location.pathname)?.[1]) || 0);
  if (id) open(id, { push: false });
  else {
    leave();
    wanted = 0;
    root.dataset.pane = "list";
    markOpen();
  }
});
window.addEventListener("popstate", () => bar(""));
document.addEventListener("visibilitychange", () => {
  if (document.hidden || !timeline) return;
  tellHere(timeline.id, "viewing");
  news([timeline.id], []);
});

tellCounts(JSON.parse(find("inbox-counts").textContent));
tellTimes(rows);
markOpen();
tellAddress(true);
window.omegaLive = new Live({ hear: news, present: heardHere, anew });
