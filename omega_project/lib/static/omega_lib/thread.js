/* The conversation's page comes alive: new entries every three seconds, replies without a reload, nothing typed lost. */
import { countSegments } from "./segments.js";

const EVERY_MS = 3000;
const OVERLAP = 10; // a message with a lower id may commit later, so the last few are asked for again
const DAY = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long", year: "numeric" });

const thread = document.getElementById("thread");
const timeline = document.getElementById("timeline");
const entries = document.getElementById("entries");
const newer = document.getElementById("newer");

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

/* The timeline's order is by time: what is heard of late is put where it belongs. */
function isLater(one, other) {
  const apart = new Date(one.dataset.at) - new Date(other.dataset.at);
  return apart > 0 || (apart === 0 && Number(one.dataset.id) > Number(other.dataset.id));
}

/* Put entries in place; one that is there already is replaced only when it changed. */
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
      const next = [...known.values()].find((one) => one.isConnected && isLater(one, made));
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
  closeBoxes(news.boxes);
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

/* The reply boxes: a text and a mail, each a form of its own */

class Box {
  constructor(form) {
    this.form = form;
    this.said = form.closest(".om-composer").dataset;
    this.body = form.querySelector("textarea");
    this.send = form.querySelector("[type=submit]");
    this.counter = form.querySelector(".om-counter");
    this.isSending = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.reply();
    });
    this.body.addEventListener("input", () => this.count());
    this.body.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        this.reply();
      }
    });
    this.files = form.elements.files;
    if (this.files) this.takeFiles();
    this.count();
  }

  get channel() {
    return this.form.elements.channel.value;
  }

  count() {
    const text = this.body.value.trim();
    if (this.counter) {
      const { count: parts, encoding, forcedBy } = countSegments(text);
      const segments = `${parts} ${parts === 1 ? this.said.segment : this.said.segments}`;
      this.counter.textContent = text ? `${[...text].length} / 1600 · ${segments}` : "";
      this.counter.title = encoding === "ucs2" ? `${this.said.unicode} ${forcedBy.join(" ")}` : this.said.gsm;
      this.counter.classList.toggle("om-counter--ucs2", encoding === "ucs2");
    }
    this.send.disabled = this.body.disabled || this.isSending || this.isEmpty;
  }

  /* A text may be a picture without a word; a mail has something to read. */
  get isEmpty() {
    const hasPicture = this.channel === "sms" && this.files && this.files.files.length > 0;
    return !this.body.value.trim() && !hasPicture;
  }

  /* Files by the button, and by dragging them onto the box. */
  takeFiles() {
    const names = this.form.querySelector(".om-files");
    const show = () => {
      names.textContent = [...this.files.files].map((file) => file.name).join(", ");
      this.count();
    };
    // Taken before it arrives: Unfold's own listener writes a file's name into the form's first line, here the subject.
    const take = (event) => {
      if (event.target !== this.files) return;
      event.stopPropagation();
      show();
    };
    this.form.addEventListener("change", take, true);
    for (const kind of ["dragover", "drop"]) {
      this.form.addEventListener(kind, (event) => {
        if (![...event.dataTransfer.types].includes("Files")) return;
        event.preventDefault();
        if (kind !== "drop") return;
        const all = new DataTransfer();
        for (const file of [...this.files.files, ...event.dataTransfer.files]) all.items.add(file);
        this.files.files = all.files;
        show();
      });
    }
  }

  /* Why nothing can be sent, said where it is looked for; what was typed stays. */
  close(sentence) {
    const line = this.form.querySelector(".om-closed");
    line.hidden = !sentence;
    line.textContent = sentence;
    this.body.disabled = Boolean(sentence);
    this.count();
  }

  complain(sentences) {
    const lines = sentences.map((sentence) => {
      const line = document.createElement("p");
      line.className = "om-error";
      line.textContent = sentence;
      return line;
    });
    this.form.querySelector(".om-errors").replaceChildren(...lines);
  }

  async post() {
    const data = new FormData(this.form);
    for (const [name, value] of Object.entries(wanted())) data.append(name, value);
    const answer = await fetch(this.form.action, {
      method: "POST",
      headers: { Accept: "application/json" },
      credentials: "same-origin",
      body: this.files ? data : new URLSearchParams([...data]),
    });
    const isJson = (answer.headers.get("Content-Type") || "").startsWith("application/json");
    if (!isJson || answer.redirected) throw new Error(`status ${answer.status}`);
    return answer.json();
  }

  async reply() {
    if (this.isSending || this.isEmpty) return;
    this.isSending = true;
    this.send.disabled = true;
    const typed = this.body.value;
    try {
      const news = await this.post();
      this.complain(news.errors || []);
      if (news.errors) {
        this.form.elements.request_id.value = news.request_id;
      } else {
        this.sent(typed, news);
      }
    } catch {
      // The request_id stays, so that sending again is no second message.
      this.complain([this.said.lost]);
    } finally {
      this.isSending = false;
      this.count();
      this.body.focus();
    }
  }

  sent(typed, news) {
    const fresh = news.boxes[this.channel];
    this.form.elements.request_id.value = fresh.request_id;
    if (this.body.value === typed) this.body.value = "";
    if (this.files) {
      this.files.value = "";
      this.files.dispatchEvent(new Event("change"));
    }
    if (this.channel === "email") {
      this.form.elements.answers.value = fresh.answers;
      this.form.elements.subject.value = fresh.subject;
    }
    take(news);
    toEnd();
  }
}

const boxes = [...document.querySelectorAll("form.om-reply")].map((form) => new Box(form));

function closeBoxes(news) {
  for (const box of boxes) box.close(news[box.channel].closed);
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
