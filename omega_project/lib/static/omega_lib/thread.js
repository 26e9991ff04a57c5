/* The conversation's page comes alive: new entries every three seconds, replies without a reload, nothing typed lost. */
import { countSegments } from "./segments.js";

const EVERY_MS = 3000;
const OVERLAP = 10; // a message with a lower id may commit later, so the last few are asked for again
const DAY = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long", year: "numeric" });

const thread = document.getElementById("thread");
const timeline = document.getElementById("timeline");
const entries = document.getElementById("entries");
const newer = document.getElementById("newer");
const form = document.getElementById("reply");

/* The timeline */

const shown = () => [...entries.querySelectorAll(".om-entry")];
const isAtEnd = () => timeline.scrollHeight - timeline.scrollTop - timeline.clientHeight < 80;
const toEnd = () => {
  timeline.scrollTop = timeline.scrollHeight;
  newer.hidden = true;
};

function element(html) {
  const template = document.createElement("template");
  template.innerHTML = html; // rendered and escaped by our own server
  return template.content.querySelector(".om-entry");
}

/* Put entries in place by their id; one that is there already is replaced only when it changed. */
function place(found) {
  let isNew = false;
  const known = new Map(shown().map((one) => [one.dataset.id, one]));
  for (const { id, rev, html } of found) {
    const old = known.get(String(id));
    if (old && old.dataset.rev === rev) continue;
    const made = element(html);
    if (old) {
      old.replaceWith(made);
    } else {
      const next = [...known.values()].find((one) => Number(one.dataset.id) > id && one.isConnected);
      entries.insertBefore(made, next || null);
      isNew = true;
    }
    known.set(String(id), made);
  }
  if (found.length) separate();
  return isNew;
}

/* A line for each day, as the viewer's own calendar has it. */
function separate() {
  for (const line of entries.querySelectorAll(".om-day, .om-empty")) if (shown().length) line.remove();
  let last = "";
  for (const entry of shown()) {
    const day = DAY.format(new Date(entry.dataset.at));
    if (day === last) continue;
    last = day;
    const line = document.createElement("p");
    line.className = "om-day";
    line.textContent = day;
    entry.before(line);
  }
  entries.dispatchEvent(new CustomEvent("omega:changed", { bubbles: true }));
}

async function ask(parameters) {
  const answer = await fetch(`${thread.dataset.entries}?${new URLSearchParams(parameters)}`, {
    headers: { Accept: "application/json" },
    credentials: "same-origin",
  });
  if (!answer.ok || answer.redirected) throw new Error(`status ${answer.status}`);
  return answer.json();
}

function wanted() {
  const all = shown();
  const from = all[all.length - OVERLAP - 1];
  const live = all.filter((one) => "live" in one.dataset).slice(-100);
  return { after: from ? from.dataset.id : "0", watch: live.map((one) => one.dataset.id).join(",") };
}

function take(news) {
  const wasAtEnd = sticks || isAtEnd();
  const isNew = place(news.entries);
  const head = document.getElementById("thread-head");
  if (head.dataset.html !== news.head) {
    head.dataset.html = news.head;
    head.innerHTML = news.head;
    head.dispatchEvent(new CustomEvent("omega:changed", { bubbles: true }));
  }
  close(news.closed);
  if (wasAtEnd) toEnd();
  else if (isNew) newer.hidden = false;
}

let isAsking = false;
async function refresh() {
  if (isAsking || document.hidden || "past" in thread.dataset) return;
  isAsking = true;
  try {
    take(await ask(wanted()));
    thread.classList.remove("om-thread--stale");
  } catch {
    thread.classList.add("om-thread--stale"); // asked again in three seconds
  } finally {
    isAsking = false;
  }
}

const older = document.getElementById("older");
if (older) {
  older.addEventListener("click", async (event) => {
    event.preventDefault();
    const before = older.dataset.before;
    try {
      const found = await ask({ before });
      const height = timeline.scrollHeight;
      place(found.entries);
      timeline.scrollTop += timeline.scrollHeight - height;
      if (found.before) older.dataset.before = found.before;
      else older.remove();
    } catch {
      window.location.search = `?before=${before}`;
    }
  });
}

/* The reply box */

const body = document.getElementById("reply-body");
const send = document.getElementById("reply-send");
const counter = document.getElementById("reply-counter");
let isSending = false;

function count() {
  const text = body.value.trim();
  const { count: parts, encoding, forcedBy } = countSegments(text);
  counter.textContent = text ? `${[...text].length} / 1600 · ${parts} ${parts === 1 ? "segment" : "segments"}` : "";
  counter.title = encoding === "ucs2" ? `Not in the GSM alphabet: ${forcedBy.join(" ")}` : "GSM alphabet";
  counter.classList.toggle("om-counter--ucs2", encoding === "ucs2");
  send.disabled = body.disabled || isSending || !text;
}

/* Why nothing can be sent, said where it is looked for; what was typed stays. */
function close(sentence) {
  if (!form) return;
  const line = document.getElementById("reply-closed");
  line.hidden = !sentence;
  line.textContent = sentence;
  body.disabled = Boolean(sentence);
  count();
}

function complain(sentences) {
  const lines = sentences.map((sentence) => {
    const line = document.createElement("p");
    line.className = "om-error";
    line.textContent = sentence;
    return line;
  });
  document.getElementById("reply-errors").replaceChildren(...lines);
}

async function post() {
  const answer = await fetch(form.action, {
    method: "POST",
    headers: { Accept: "application/json" },
    credentials: "same-origin",
    body: new URLSearchParams([...new FormData(form), ...Object.entries(wanted())]),
  });
  const isJson = (answer.headers.get("Content-Type") || "").startsWith("application/json");
  if (!isJson || answer.redirected) throw new Error(`status ${answer.status}`);
  return answer.json();
}

async function reply() {
  if (isSending || !body.value.trim()) return;
  isSending = true;
  send.disabled = true;
  const typed = body.value;
  try {
    const news = await post();
    form.elements.request_id.value = news.request_id;
    complain(news.errors || []);
    if (!news.errors) {
      if (body.value === typed) body.value = "";
      take(news);
      toEnd();
    }
  } catch {
    // The request_id stays, so that sending again is no second message.
    complain(["The answer did not arrive. Press Send again: a text that went already is not sent twice."]);
  } finally {
    isSending = false;
    count();
    body.focus();
  }
}

if (form) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    reply();
  });
  body.addEventListener("input", count);
  body.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      reply();
    }
  });
  count();
}

/* The side: a snooze is given in the viewer's own zone and sent in UTC. */

const statusForm = document.getElementById("status-form");
if (statusForm) {
  const status = document.getElementById("side-status");
  const until = document.getElementById("side-until-at");
  const show = () => {
    document.getElementById("side-until").hidden = status.value !== "snoozed";
  };
  document.getElementById("side-until-zone").textContent = "";
  status.addEventListener("change", show);
  statusForm.addEventListener("formdata", (event) => {
    const at = new Date(until.value);
    event.formData.set("snoozed_until", Number.isNaN(at.getTime()) ? "" : at.toISOString());
  });
  show();
}

newer.addEventListener("click", toEnd);
let sticks = !("past" in thread.dataset); // who reads the end stays there, also when a picture above has loaded
let lastTop = 0;
timeline.addEventListener("scroll", () => {
  // What grows moves the end away without a scroll upward: only a person scrolls up.
  sticks = isAtEnd() || (sticks && timeline.scrollTop >= lastTop);
  lastTop = timeline.scrollTop;
  if (isAtEnd()) newer.hidden = true;
});
new ResizeObserver(() => {
  if (sticks) toEnd();
}).observe(entries);
document.addEventListener("visibilitychange", refresh);
separate();
if (!("past" in thread.dataset)) toEnd();
window.setInterval(refresh, EVERY_MS);
