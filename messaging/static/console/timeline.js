/* The middle: one conversation's entries, put in place by their ids, with a line for each day. */
import { complain, element, get, root, tellTimes, words } from "./page.js";

const OVERLAP = 10; // a message with a lower id may commit later, so the last few are asked for again
const DAY = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long", year: "numeric" });

export class Timeline {
  constructor(thread) {
    this.thread = thread;
    this.id = Number(thread.dataset.id);
    this.last = Number(thread.dataset.last);
    this.scroller = thread.querySelector("#timeline");
    this.entries = thread.querySelector("#entries");
    this.newer = thread.querySelector("#newer");
    this.older = thread.querySelector("#older");
    this.sticks = true; // who reads the end stays there, also when a picture above has loaded
    this.lastTop = 0;
    this.separate();
    this.toEnd();
    this.newer.addEventListener("click", () => this.toEnd());
    this.scroller.addEventListener("scroll", () => this.scrolled());
    this.grown = new ResizeObserver(() => this.sticks && this.toEnd());
    this.grown.observe(this.entries);
    this.watchOlder();
  }

  end() {
    this.grown.disconnect();
    this.seenOlder.disconnect();
  }

  shown() {
    return [...this.entries.querySelectorAll(".om-entry")];
  }

  isAtEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.scroller;
    return scrollHeight - scrollTop - clientHeight < 80;
  }

  toEnd() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.newer.hidden = true;
  }

  scrolled() {
    // What grows moves the end away without a scroll upward: only a person scrolls up.
    this.sticks = this.isAtEnd() || (this.sticks && this.scroller.scrollTop >= this.lastTop);
    this.lastTop = this.scroller.scrollTop;
    if (this.isAtEnd()) this.newer.hidden = true;
  }

  /* Older ones come when their line is scrolled into view. */
  watchOlder() {
    this.seenOlder = new IntersectionObserver(
      (found) => found.some((one) => one.isIntersecting) && this.loadOlder(),
      { root: this.scroller, rootMargin: "300px 0px 0px 0px" },
    );
    this.seenOlder.observe(this.older);
  }

  async loadOlder() {
    const { before } = this.older.dataset;
    if (!before || this.isLoading) return;
    this.isLoading = true;
    try {
      const found = await get(`${this.id}/older/`, { before });
      const height = this.scroller.scrollHeight;
      const top = this.scroller.scrollTop;
      this.place(found.entries);
      this.scroller.scrollTop = top + this.scroller.scrollHeight - height;
      if (found.before) this.older.dataset.before = found.before;
      else {
        delete this.older.dataset.before;
        this.older.hidden = true;
      }
    } catch (error) {
      complain(error);
    } finally {
      this.isLoading = false;
    }
    // Where the line is still in view no further event comes by itself.
    this.seenOlder.unobserve(this.older);
    if (this.older.dataset.before) this.seenOlder.observe(this.older);
  }

  /* What the server is asked for: entries behind one of the last, and those that may still change. */
  wanted(changed) {
    const all = this.shown();
    const from = all[all.length - OVERLAP - 1];
    const live = all.filter((one) => "live" in one.dataset).slice(-100);
    const watch = [...live.map((one) => one.dataset.id), ...changed];
    return { thread: this.id, after: from ? from.dataset.id : "0", watch: [...new Set(watch)].slice(-190).join(",") };
  }

  take(news) {
    const wasAtEnd = this.sticks || this.isAtEnd();
    const isNew = this.place(news.entries);
    this.last = news.last;
    const head = this.thread.querySelector("#thread-head");
    const isBusy = head.contains(document.activeElement) && document.activeElement.matches("select");
    if (head.dataset.html !== news.head && !isBusy) {
      const held = document.activeElement?.closest("#thread-head") ? document.activeElement : null;
      head.dataset.html = news.head;
      head.innerHTML = news.head; // rendered and escaped by our own server
      if (held) head.querySelector(again(held))?.focus();
      tellTimes(head);
    }
    if (wasAtEnd) this.toEnd();
    else if (isNew) this.newer.hidden = false;
    return isNew;
  }

  place(found) {
    let isNew = false;
    const known = new Map(this.shown().map((one) => [one.dataset.id, one]));
    for (const { id, rev, html } of found) {
      const old = known.get(String(id));
      if (old && old.dataset.rev === rev) continue;
      const made = element(html);
      if (old) old.replaceWith(made);
      else {
        const next = [...known.values()].find((one) => one.isConnected && isLater(one, made));
        this.entries.insertBefore(made, next || null);
        isNew = true;
      }
      known.set(String(id), made);
    }
    if (found.length) this.separate();
    return isNew;
  }

  /* A line for each day, as the viewer's own calendar has it. */
  separate() {
    const all = this.shown();
    for (const line of this.entries.querySelectorAll(".om-day, .om-empty")) if (all.length) line.remove();
    let last = "";
    for (const entry of all) {
      const at = new Date(entry.dataset.at);
      const day = DAY.format(at);
      if (day === last) continue;
      last = day;
      const line = document.createElement("p");
      line.className = "om-day";
      line.textContent = named(at) || day;
      line.title = day;
      entry.before(line);
    }
    tellTimes(this.entries);
  }
}

function named(at) {
  const today = new Date();
  if (at.toDateString() === today.toDateString()) return words.today;
  today.setDate(today.getDate() - 1);
  return at.toDateString() === today.toDateString() ? words.yesterday : "";
}

/* The timeline's order is by time: what is heard of late is put where it belongs. */
function isLater(one, other) {
  const apart = new Date(one.dataset.at) - new Date(other.dataset.at);
  return apart > 0 || (apart === 0 && Number(one.dataset.id) > Number(other.dataset.id));
}

function again(button) {
  for (const name of ["deed", "dialog", "pane"]) {
    if (button.dataset[name]) return `[data-${name}="${button.dataset[name]}"]`;
  }
  return "button";
}

export const timelineOf = () => {
  const thread = root.querySelector("#thread");
  return thread ? new Timeline(thread) : null;
};
