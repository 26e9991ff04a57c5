// The box to answer from: in a mail program's own way, with or without the quote, or a mail of its own.
import * as carrier from "./carrier.js";
import { byId, make, toast } from "./dom.js";

const PROGRAMS = [["gmail", "Gmail"], ["outlook", "Outlook"], ["apple", "Apple Mail"], ["plain", "Plain text"]];
const MODES = [["parsed", "parsed"], ["raw", "raw MIME"]];
const MOST_BYTES = 25 * 1024 * 1024;
const kept = { convention: "gmail", quote: true, mode: "parsed" };
let files = [];

/** Answer a mail, under it. */
export function answer(mail) {
  if (byId("letter-form")) return byId("letter-text").focus();
  files = [];
  byId("answer").replaceChildren(form({ mail, from: mail.address, to: mail.reply_to }));
  byId("answer").scrollIntoView({ block: "nearest" });
  byId("letter-text").focus({ preventScroll: true });
}

/** Write a mail that answers none; `onSent` hears its id. */
export function compose({ from, to, onBack, onSent }) {
  files = [];
  const back = make("button", { type: "button", className: "back", "aria-label": "Back to the mails" }, "‹");
  back.addEventListener("click", onBack);
  byId("reader").replaceChildren(make("header", { className: "letter-head" }, back, make("h2", {}, "New mail")), form({ from, to, onSent }));
  byId(to ? "letter-subject" : "letter-to").focus({ preventScroll: true });
}

function form({ mail = null, from, to, onSent = discard }) {
  const head = mail ? [] : [input("letter-to", "To", to), input("letter-subject", "Subject", "")];
  const made = make("form", { id: "letter-form", className: "letter-form", autocomplete: "off" },
    ...head,
    make("label", { className: "sr", for: "letter-text" }, "What the client writes"),
    make("textarea", { id: "letter-text", rows: 5, placeholder: mail ? `Answer as ${from}` : "What the client writes" }),
    make("ul", { className: "files", id: "letter-files", hidden: true }),
    make("div", { className: "letter-row" }, select("convention", "Written in", PROGRAMS), mail ? check("quote", "with the quote") : null),
    make("details", { className: "more" }, make("summary", {}, "More"),
      ...(mail ? [input("letter-to", "To", to), input("letter-subject", "Subject", /^re:/i.test(mail.subject) ? mail.subject : `Re: ${mail.subject}`)] : []),
      input("letter-from", "From", from),
      select("mode", "Posted as", MODES), make("label", { className: "check" }, make("input", { type: "checkbox", id: "letter-auto" }), " an automatic answer (out of office)")),
    make("div", { className: "letter-row end" }, attach(), mail ? button("Discard", "ghost", discard) : null, make("button", { type: "submit", className: "primary small", id: "letter-send" }, "Send")));
  made.addEventListener("submit", (event) => { event.preventDefault(); send(mail, onSent); });
  made.addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send(mail, onSent); });
  return made;
}

function input(id, title, value) {
  return make("label", { className: "line" }, make("span", {}, title), make("input", { id, value, type: "text", spellcheck: false }));
}

function select(name, title, options) {
  const chosen = make("select", { id: `letter-${name}` }, ...options.map(([value, words]) => make("option", { value, selected: value === kept[name] }, words)));
  chosen.addEventListener("change", () => { kept[name] = chosen.value; });
  return make("label", { className: "choice" }, make("span", {}, title), chosen);
}

function check(name, title) {
  const box = make("input", { type: "checkbox", id: `letter-${name}`, checked: kept[name] });
  box.addEventListener("change", () => { kept[name] = box.checked; });
  return make("label", { className: "check" }, box, ` ${title}`);
}

function button(words, className, work) {
  const made = make("button", { type: "button", className }, words);
  made.addEventListener("click", work);
  return made;
}

function discard() {
  byId("letter-form").remove();
}

function attach() {
  const chosen = make("input", { type: "file", multiple: true, id: "letter-attach" });
  chosen.addEventListener("change", take);
  return make("label", { className: "ghost clip" }, "Attach", chosen);
}

function take(event) {
  for (const file of event.target.files) {
    if (file.size + files.reduce((sum, one) => sum + one.size, 0) > MOST_BYTES) {
      toast(`With ${file.name} it would be larger than 25 MB`);
      continue;
    }
    const reader = new FileReader();
    reader.onload = () => {
      files.push({ name: file.name, size: file.size, content_type: file.type || "application/octet-stream", content_base64: reader.result.split(",")[1] ?? "" });
      drawFiles();
    };
    reader.readAsDataURL(file);
  }
  event.target.value = "";
}

function drawFiles() {
  byId("letter-files").hidden = !files.length;
  byId("letter-files").replaceChildren(...files.map((file) => make("li", {}, button(`${file.name} ×`, "ghost", () => {
    files = files.filter((other) => other !== file);
    drawFiles();
  }))));
}

async function send(mail, onSent) {
  const text = byId("letter-text").value;
  const given = {
    from: byId("letter-from").value.trim(), to: byId("letter-to").value.trim(), subject: byId("letter-subject").value,
    text, convention: kept.convention, mode: kept.mode, attachments: files.map(({ size, ...file }) => file),
  };
  if (mail) Object.assign(given, { in_reply_to: mail.id, quote: kept.quote });
  if (byId("letter-auto").checked) Object.assign(given, { headers: { "Auto-Submitted": "auto-replied", "X-Auto-Response-Suppress": "All" }, envelope_from: "" });
  byId("letter-send").disabled = true;
  try {
    const { id, webhook } = await carrier.write(given);
    files = [];
    onSent(id);
    toast(said(webhook.status));
  } catch (fault) {
    toast(fault.message);
  } finally {
    if (byId("letter-send")) byId("letter-send").disabled = false;
  }
}

function said(status) {
  if (status === null) return "omega does not answer; it is tried again";
  if (status < 300) return "omega has it";
  return `omega answered ${status}${status >= 500 ? "; it is tried again" : ""}`;
}
