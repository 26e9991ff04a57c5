/* The one box: a text, an e-mail or a note; its draft stays on this computer until it has gone. */
import { countSegments } from "../omega_lib/segments.js";
import { Files } from "./files.js";
import { ask, complain, NoAnswer, post, root, toast, url, windowId, words, csrf } from "./page.js";

const MOST_TEXT = 1600;
const MOST_TYPED = 200000;
const TYPING_MS = 3000;
/* What word processors put in the place of plain characters. */
const PLAIN = { "“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "–": "-", "—": "-", "…": "...", "\u00a0": " ", "\u200b": "", "•": "-" };
const find = (id) => document.getElementById(id);

export class Box {
  constructor(timeline, refresh, before = null) {
    this.form = find("box");
    this.timeline = timeline;
    this.refresh = refresh;
    this.facts = JSON.parse(this.form.dataset.facts);
    this.noteRequest = this.form.dataset.noteRequest;
    this.key = `omega:draft:${root.dataset.login}:${timeline.id}`;
    this.body = find("box-body");
    this.kept = { sms: "", email: "", note: "", subject: this.facts.email.subject, cc: "", expected: {} };
    this.files = new Files(this);
    this.mentioned = new Map();
    this.choices = new Choices(this);
    this.listen();
    if (before) this.takeOver(before);
    else this.restore();
  }

  get mode() {
    return this.form.elements.mode.value;
  }

  listen() {
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    for (const radio of this.form.elements.mode) radio.addEventListener("change", () => this.turnTo(this.mode));
    this.body.addEventListener("paste", (event) => this.pasted(event));
    this.body.addEventListener("input", () => this.typed());
    this.body.addEventListener("keydown", (event) => this.pressed(event));
    for (const id of ["box-subject", "box-cc"]) find(id).addEventListener("input", () => this.keep());
    find("box-file").addEventListener("change", (event) => {
      this.files.add([...event.target.files]);
      event.target.value = "";
    });
    this.files.listen(this.timeline.thread, this.body);
    find("box-templates").addEventListener("click", () => {
      this.body.focus();
      const text = this.body.value;
      this.body.setRangeText(text && !/\s$/.test(text.slice(0, this.body.selectionStart)) ? " /" : "/");
      this.body.setSelectionRange(this.body.selectionEnd, this.body.selectionEnd);
      this.typed();
    });
    find("box-later").addEventListener("click", () => this.later());
  }

  later(show = find("box-when").hidden) {
    const when = find("box-when");
    when.hidden = !show;
    find("box-later").setAttribute("aria-expanded", String(show));
    if (!show) when.value = "";
    else if (!when.value) {
      const at = new Date(Date.now() + 3600000);
      at.setMinutes(at.getMinutes() - at.getTimezoneOffset());
      when.value = at.toISOString().slice(0, 16);
      when.focus();
    }
  }

  turnTo(mode) {
    this.form.elements.mode.value = mode;
    this.form.dataset.mode = mode;
    this.body.value = this.kept[mode];
    this.body.placeholder = this.body.dataset[mode];
    find("box-mail").hidden = mode !== "email";
    find("box-attach").hidden = mode === "note";
    find("box-later").hidden = mode === "note";
    find("box-templates").hidden = mode === "note";
    if (mode === "note") this.later(false);
    find("box-send-name").textContent = find(mode === "note" ? "send-note" : "send-sms").content.textContent;
    find("box-sender").textContent = mode === "note" ? "" : this.facts[mode].sender;
    this.files.show();
    this.close();
    this.count();
    this.keep();
  }

  /* Why nothing can be sent by this way, and what can. */
  close() {
    const { mode } = this;
    const why = mode === "note" ? "" : this.facts[mode].closed;
    find("box-closed").hidden = !why;
    this.body.disabled = Boolean(why);
    if (!why) return;
    find("box-why").textContent = why;
    const others = [mode === "sms" ? "email" : "sms", "note"].filter((one) => one === "note" || !this.facts[one].closed);
    const buttons = others.map((other) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "om-button";
      button.textContent = find(`instead-${other}`).content.textContent;
      button.addEventListener("click", () => {
        this.turnTo(other);
        this.body.focus();
      });
      return button;
    });
    find("box-instead").replaceChildren(...buttons);
  }

  /* A text may be a picture without a word; a mail has something to read. */
  get isEmpty() {
    return !this.body.value.trim() && !(this.mode === "sms" && this.files.of("sms").length);
  }

  /* A browser lays one word of two megabytes out for half a minute, and nothing takes so much. */
  pasted(event) {
    if (event.clipboardData.getData("text/plain").length <= MOST_TYPED) return;
    event.preventDefault();
    this.say([words.pasteLong]);
  }

  typed() {
    const { mode } = this;
    const text = this.body.value;
    // The last message that was there when the writing began: what comes after it is asked about.
    if (!text) delete this.kept.expected[mode];
    else if (!(mode in this.kept.expected)) this.kept.expected[mode] = this.timeline.last;
    this.kept[mode] = text;
    this.count();
    this.keep();
    this.choices.look();
    if (text) this.tellTyping();
  }

  tellTyping() {
    if (this.told && Date.now() - this.told < TYPING_MS) return;
    this.told = Date.now();
    tellHere(this.timeline.id, "typing");
  }

  count() {
    const { mode } = this;
    const text = this.body.value.trim();
    const counter = find("box-counter");
    const unicode = find("box-unicode");
    unicode.hidden = true;
    counter.textContent = "";
    counter.classList.remove("om-counter--ucs2");
    const length = text.length > 4 * MOST_TEXT ? text.length : [...text].length;
    if (mode === "sms" && text) {
      if (length > MOST_TEXT) counter.textContent = `${length} / ${MOST_TEXT}. ${words.tooLong}`;
      else this.countSegments(text, length, counter, unicode);
      counter.classList.toggle("om-counter--ucs2", length > MOST_TEXT || !unicode.hidden);
    }
    find("box-send").disabled = this.body.disabled || Boolean(this.isSending) || this.isEmpty;
  }

  countSegments(text, length, counter, unicode) {
    const { count, encoding, forcedBy } = countSegments(text);
    counter.textContent = `${length} / ${MOST_TEXT} · ${count} ${count === 1 ? words.segment : words.segments}`;
    if (encoding !== "ucs2") return;
    const shown = document.createElement("strong");
    shown.textContent = forcedBy.slice(0, 12).join(" ");
    unicode.replaceChildren(`${words.unicode} `, shown);
    unicode.hidden = false;
    if (forcedBy.some((one) => one in PLAIN)) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "in-quiet";
      button.textContent = words.plain;
      button.addEventListener("click", () => {
        this.body.value = [...this.body.value].map((one) => PLAIN[one] ?? one).join("");
        this.body.focus();
        this.typed();
      });
      unicode.append(" ", button);
    }
  }

  pressed(event) {
    if (event.isComposing) return;
    if (this.choices.pressed(event)) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      this.send();
    } else if (event.key === "Escape") {
      this.body.blur();
      this.timeline.scroller.focus();
    }
  }

  /* Drafts */

  keep() {
    this.kept.mode = this.mode;
    this.kept.subject = find("box-subject").value;
    this.kept.cc = find("box-cc").value;
    const isEmpty = !this.kept.sms && !this.kept.email && !this.kept.note;
    try {
      if (isEmpty) localStorage.removeItem(this.key);
      else if (this.body.value.length <= MOST_TYPED) localStorage.setItem(this.key, JSON.stringify(this.kept));
    } catch {
      /* a browser that keeps nothing: the text is in the box all the same */
    }
  }

  restore() {
    let draft = null;
    try {
      draft = JSON.parse(localStorage.getItem(this.key) || "null");
    } catch {
      draft = null;
    }
    if (draft) Object.assign(this.kept, draft, { expected: draft.expected || {} });
    find("box-subject").value = this.kept.subject || "";
    find("box-cc").value = this.kept.cc || "";
    this.turnTo(draft?.mode || this.form.dataset.mode);
    if (this.body.value) toast(words.restored, { seconds: 3 });
  }

  /* The same conversation, fetched anew under somebody's hands: all that was in the box goes on where it was. */
  takeOver(before) {
    const when = before.form.querySelector("#box-when").value;
    Object.assign(this.kept, before.kept);
    this.files.chosen = before.files.chosen;
    this.mentioned = before.mentioned;
    find("box-subject").value = this.kept.subject;
    find("box-cc").value = this.kept.cc;
    this.turnTo(before.mode);
    if (when) this.later(true);
    find("box-when").value = when;
    if (!before.hadFocus) return;
    this.body.focus();
    this.body.setSelectionRange(before.body.selectionStart, before.body.selectionEnd);
  }

  /* Sending */

  fields() {
    const { mode } = this;
    const data = new FormData();
    if (mode === "note") {
      data.append("note", this.body.value);
      data.append("request_id", this.noteRequest);
      const named = [...this.mentioned].filter(([, name]) => this.body.value.includes(`@${name}`)).map(([id]) => id);
      data.append("mentions", named.join(","));
      return data;
    }
    data.append("channel", mode);
    data.append("body", this.body.value);
    data.append("request_id", this.facts[mode].request_id);
    data.append("expected", this.kept.expected[mode] ?? this.timeline.last);
    const when = find("box-when").value;
    if (when) data.append("at", new Date(when).toISOString());
    if (mode === "email") {
      data.append("subject", find("box-subject").value);
      data.append("cc", find("box-cc").value);
      data.append("answers", this.facts.email.answers);
    }
    for (const file of this.files.of(mode)) data.append("files", file, file.name);
    return data;
  }

  /* Why it did not go; `action` is a button beside it: what can be done. */
  say(sentences, action = null) {
    const lines = sentences.map((sentence) => {
      const line = document.createElement("p");
      line.className = "om-error";
      line.dir = "auto";
      line.textContent = sentence;
      return line;
    });
    if (action) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "om-button";
      button.textContent = action.text;
      button.addEventListener("click", action.run);
      lines.push(button);
    }
    find("box-errors").replaceChildren(...lines);
  }

  /* A slow line is seen: the button says that it works, and cannot be pressed again. */
  busy(isSending) {
    this.isSending = isSending;
    if (isSending) this.form.setAttribute("aria-busy", "true");
    else this.form.removeAttribute("aria-busy");
    const name = isSending ? words.sending : find(this.mode === "note" ? "send-note" : "send-sms").content.textContent;
    find("box-send-name").textContent = name;
    this.count();
  }

  async send() {
    const text = this.body.value.trim();
    if (this.isSending || this.body.disabled || this.isEmpty) return;
    if (this.body.value.length > MOST_TYPED || (this.mode === "sms" && [...text].length > MOST_TEXT)) {
      this.say([words.tooLong]);
      return;
    }
    const was = { mode: this.mode, text: this.body.value, files: this.files.of(this.mode) };
    this.busy(true);
    try {
      const answer = await post(`${this.timeline.id}/${was.mode === "note" ? "note" : "reply"}/`, this.fields());
      if (answer.missed) await this.askFirst(answer, was.mode);
      else if (answer.errors) this.say(answer.errors);
      else this.sent(was, answer);
    } catch (error) {
      // The request_id stays, so that sending again is no second message.
      this.say([error instanceof NoAnswer ? error.message : words.failed], { text: words.again, run: () => this.send() });
      if (!(error instanceof NoAnswer)) throw error;
    } finally {
      this.busy(false);
    }
  }

  /* Somebody answered while this was written: they are shown, and it goes only if its writer still wants it. */
  async askFirst(answer, mode) {
    await this.refresh();
    const yes = await ask(words.meanwhile, answer.missed.map((one) => one.body), words.sendAnyway);
    this.kept.expected[mode] = answer.last;
    this.keep();
    this.body.focus();
    if (yes) {
      this.busy(false);
      await this.send();
    }
  }

  sent(was, answer) {
    this.say([]);
    this.renew(answer);
    if (this.kept[was.mode] === was.text) this.kept[was.mode] = "";
    delete this.kept.expected[was.mode];
    this.files.clear(was.mode);
    if (was.mode === "email") {
      find("box-subject").value = this.facts.email.subject;
      find("box-cc").value = "";
    }
    this.mentioned.clear();
    this.later(false);
    this.turnTo(was.mode);
    tellHere(this.timeline.id, "viewing");
    this.refresh();
    if (answer.undo) this.offerUndo(answer, was);
    else if (answer.status === "blocked") toast(words.blocked, { tone: "danger", seconds: 7 });
    else toast(answer.status ? words.scheduled : answer.told);
  }

  renew(answer) {
    if (!answer.boxes) return;
    for (const mode of ["sms", "email"]) Object.assign(this.facts[mode], answer.boxes[mode]);
    this.noteRequest = answer.note_request_id;
  }

  offerUndo(answer, was) {
    this.undoable = { id: answer.id, files: was.files, until: Date.now() + answer.undo * 1000 };
    const action = { text: words.undo, run: () => this.undo() };
    this.undoToast = toast(words.sent, { seconds: answer.undo, action });
  }

  /* The server decides whether it is still there: its words come back from there. */
  async undo(id = this.undoable?.id) {
    if (!id) return;
    const files = this.undoable?.id === id ? this.undoable.files : [];
    this.undoable = null;
    this.undoToast?.away();
    try {
      const answer = await post(`${this.timeline.id}/undo/`, { message: id });
      if (answer.errors) toast(answer.errors[0], { tone: "danger", seconds: 7 });
      else this.putBack(answer, files);
    } catch (error) {
      complain(error, () => this.undo(id));
    }
    this.refresh();
  }

  putBack(answer, files) {
    this.renew(answer);
    const mode = answer.channel === "email" ? "email" : "sms";
    this.kept[mode] = [answer.body, this.kept[mode]].filter(Boolean).join("\n\n");
    this.kept.expected[mode] = this.timeline.last;
    this.files.put(mode, files);
    if (mode === "email") find("box-subject").value = answer.subject;
    this.turnTo(mode);
    this.body.focus();
    toast(words.undone);
  }

  /* The words of one that failed, to be mended and sent anew. */
  rewrite(mode, text) {
    this.turnTo(mode);
    if (this.body.disabled) return;
    this.body.value = [text, this.body.value].filter(Boolean).join("\n\n");
    this.body.focus();
    this.typed();
  }

  /* News of the boxes: whether one may write, never what was written. */
  hear(boxes) {
    for (const mode of ["sms", "email"]) {
      this.facts[mode].closed = boxes[mode].closed;
      this.facts[mode].sender = boxes[mode].sender;
      this.facts[mode].answers = boxes[mode].answers;
      this.facts[mode].files = boxes[mode].files;
    }
    this.close();
    this.count();
  }
}

/* Choices under the box: templates behind a /, people behind an @. */
class Choices {
  constructor(box) {
    this.box = box;
    this.list = find("box-choices");
    this.at = -1;
    this.list.addEventListener("mousedown", (event) => {
      const item = event.target.closest("[role=option]");
      event.preventDefault();
      if (item) this.take(item);
    });
  }

  get items() {
    return [...this.list.querySelectorAll("[role=option]")];
  }

  /* The mark and what is typed behind it, up to the caret. */
  asked() {
    const { body, mode } = this.box;
    const before = body.value.slice(Math.max(0, body.selectionStart - 60), body.selectionStart);
    const found = (mode === "note" ? /(^|\s)@([^\s@]{0,30})$/ : /(^|\s)\/([^\s/]{0,40})$/).exec(before);
    return found ? { text: found[2], length: found[2].length + 1 } : null;
  }

  look() {
    const asked = this.asked();
    window.clearTimeout(this.timer);
    if (!asked) return this.hide();
    if (this.box.mode === "note") return this.people(asked.text);
    this.timer = window.setTimeout(() => this.templates(asked.text), 120);
    return undefined;
  }

  people(text) {
    const all = [...find("people").content.children].map((one) => one.cloneNode(true));
    const wanted = text.toLowerCase();
    this.show(all.filter((one) => one.dataset.name.toLowerCase().split(/\s+/).some((part) => part.startsWith(wanted))));
  }

  async templates(text) {
    const query = new URLSearchParams({ q: text, channel: this.box.mode });
    try {
      const answer = await fetch(`${url(`${this.box.timeline.id}/templates/`)}?${query}`);
      if (!answer.ok || answer.redirected) throw new NoAnswer(words.failed);
      const made = document.createElement("template");
      made.innerHTML = await answer.text(); // rendered and escaped by our own server
      if (this.asked()?.text === text) this.show([...made.content.children]);
    } catch (error) {
      this.hide();
      complain(error);
    }
  }

  show(items) {
    this.list.replaceChildren(...items);
    this.list.hidden = !items.length;
    this.choose(0);
  }

  hide() {
    this.list.hidden = true;
    this.box.body.removeAttribute("aria-activedescendant");
  }

  choose(place) {
    const { items } = this;
    if (!items.length) return;
    this.at = (place + items.length) % items.length;
    items.forEach((one, number) => one.setAttribute("aria-selected", String(number === this.at)));
    this.box.body.setAttribute("aria-activedescendant", items[this.at].id);
    items[this.at].scrollIntoView({ block: "nearest" });
  }

  pressed(event) {
    if (this.list.hidden) return false;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) this.choose(this.at + step);
    else if ((event.key === "Enter" || event.key === "Tab") && this.items[this.at]) this.take(this.items[this.at]);
    else if (event.key === "Escape") this.hide();
    else return false;
    event.preventDefault();
    event.stopPropagation();
    return true;
  }

  take(item) {
    const { body } = this.box;
    const asked = this.asked();
    const text = item.dataset.person ? `@${item.dataset.name} ` : item.dataset.body;
    if (item.dataset.person) this.box.mentioned.set(item.dataset.person, item.dataset.name);
    if (item.dataset.subject && this.box.mode === "email") find("box-subject").value = item.dataset.subject;
    const end = body.selectionStart;
    body.setRangeText(text, end - (asked ? asked.length : 0), end, "end");
    this.hide();
    body.focus();
    this.box.typed();
    this.hide();
    const hole = body.value.search(/\{\{[^}]*\}\}/);
    if (hole >= 0) body.setSelectionRange(hole, body.value.indexOf("}}", hole) + 2);
  }
}

/* That somebody looks or types; where it is lost, the next one comes soon. */
export function tellHere(conversation, doing) {
  const data = new FormData();
  for (const [name, value] of Object.entries({ doing, window: windowId, csrfmiddlewaretoken: csrf() })) data.append(name, value);
  const address = url(`${conversation}/here/`);
  if (doing === "gone") navigator.sendBeacon(address, data);
  else fetch(address, { method: "POST", body: data, redirect: "manual" }).catch(() => {});
}
