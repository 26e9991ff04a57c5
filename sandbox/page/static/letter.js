// One mail as a client sees it: its words in a cage, its attachments, its headers, and what the client does with it.
import * as carrier from "./carrier.js";
import { ago, byId, clock, day, make, toast } from "./dom.js";
import { fate, hue, LOST, WORDS } from "./mail.js";

const VIEWS = [["html", "HTML"], ["text", "Text"], ["headers", "Headers"]];
let shown = null;

/** Show a mail; `onReply` opens the box to answer, `onBack` leaves. */
export function show(mail, { onReply, onBack }) {
  shown = { mail, images: false };
  const back = make("button", { type: "button", className: "back", "aria-label": "Back to the mails" }, "‹");
  back.addEventListener("click", onBack);
  byId("reader").replaceChildren(
    make("header", { className: "letter-head" }, back, make("h2", {}, mail.subject || "No subject"), who(mail)),
    make("ol", { className: "trail", id: "trail", "aria-label": "What became of it" }),
    ...(mail.inbound ? [] : [toolbar(mail, onReply)]),
    make("div", { className: "views", role: "tablist", "aria-label": "How to see it" }, ...VIEWS.map(tab), source(mail)),
    make("p", { className: "images", id: "images", hidden: true }),
    make("div", { className: "sheet", id: "sheet", role: "tabpanel" }),
    attachments(mail),
    make("div", { className: "answer", id: "answer" }),
  );
  byId("reader").scrollTop = 0;
  refresh(mail);
  view(mail.html ? "html" : "text");
}

/** Draw what became of the mail anew; its words stay as they are. */
export function refresh(line) {
  if (!byId("trail")) return;
  const reports = [];
  for (const report of line.callbacks) {
    const again = report.attempts > 1 && reports.findLast((other) => other.status === report.status);
    if (again) Object.assign(again, report);
    else reports.push({ ...report });
  }
  const steps = reports.map((report) => step(report));
  if (!steps.length) steps.push(make("li", {}, fate(line)));
  byId("trail").replaceChildren(...steps);
}

function step({ status, at, http_status, attempts }) {
  const deaf = http_status === null ? "omega does not answer" : http_status >= 300 ? `omega answered ${http_status}` : "";
  const words = status === "posted" ? "posted to omega" : WORDS[status] ?? status;
  const item = make("li", { title: deaf || `omega answered ${http_status}` }, make("b", {}, words), make("time", {}, clock(at)),
    make("span", { className: deaf ? "warn" : "good" }, deaf ? `${deaf}${attempts > 1 ? `, ${attempts} times` : ""}` : "✓"));
  item.classList.toggle("lost", status in LOST);
  return item;
}

// ---- head

function who(mail) {
  const from = mail.headers.find(([name]) => name === "From")?.[1] ?? mail.from;
  const to = mail.headers.find(([name]) => name === "To")?.[1] ?? "";
  const avatar = make("span", { className: "avatar", "aria-hidden": "true" }, from.replace(/^["'\s]+/, "").slice(0, 1).toUpperCase());
  avatar.style.setProperty("--hue", hue(from));
  const answers = mail.reply_to && !from.includes(mail.reply_to) ? make("p", { className: "replies" }, `answers go to ${mail.reply_to}`) : null;
  const [, name, address] = /^(.*?)\s*<(.+)>$/.exec(from) ?? [null, from, ""];
  return make("div", { className: "sender" }, avatar,
    make("div", {}, make("p", {}, make("b", {}, name || address), " ", name ? address : ""), make("p", {}, `to ${to}`), answers),
    make("time", { title: `${day(mail.at)}, ${clock(mail.at)}` }, ago(mail.at)));
}

// ---- what the client does

function toolbar(mail, onReply) {
  const answer = make("button", { type: "button", className: "primary small" }, "Reply");
  answer.addEventListener("click", onReply);
  const bar = make("div", { className: "acts", role: "group", "aria-label": "What the client does" }, answer,
    menu("Open", [["A person opens it", () => happen(mail, { event: "open" })], ["A machine opens it", () => happen(mail, { event: "machine_open" })]], untracked(mail, "open")),
    menu("Click", mail.links.map(({ url, words }) => [words || url, () => happen(mail, { event: "click", url }), words ? url : ""]), mail.links.length ? untracked(mail, "click") : "There is no link in it."),
    menu("Bounce", [
      ["Bounces for good", () => happen(mail, { event: "bounce" }), "type bounce, 5.1.1"], ["Blocked for now", () => happen(mail, { event: "blocked" }), "type blocked, 5.7.1"],
      ["Bounces late", () => happen(mail, { event: "late_bounce" }), "without sg_message_id"], ["Deferred", () => happen(mail, { event: "deferred" }), "tried again later"],
      ["Dropped by SendGrid", () => happen(mail, { event: "dropped" }), "Bounced Address"],
    ]),
    act("Complain", () => happen(mail, { event: "spamreport" }), "Reports it as spam"),
    menu("Unsubscribe", leave(mail), mail.unsubscribe ? "" : "Its headers offer no way out."));
  bar.addEventListener("toggle", opened, true);
  bar.addEventListener("keydown", escape);
  return bar;
}

const untracked = (mail, kind) => (mail.tracking.includes(kind) ? "" : "omega turned this tracking off: SendGrid itself would stay silent.");

function leave(mail) {
  const { url, mailto, one_click } = mail.unsubscribe ?? {};
  return [
    ["One click, as Gmail", one_click ? () => leaveBy(mail, "one_click") : null, one_click ? "List-Unsubscribe POST, RFC 8058" : "not offered"],
    ["Open the link", url ? () => open(url, "_blank", "noopener") : null, url ?? "not offered"],
    ["A scanner looks at the link", url ? () => leaveBy(mail, "scan") : null, url ? "GET; must change nothing" : "not offered"],
    ["Write to the address", mailto ? () => leaveBy(mail, "mailto") : null, mailto ?? "not offered"],
    ["At SendGrid", () => happen(mail, { event: "unsubscribe" }), "event unsubscribe"],
    ["From the group at SendGrid", () => happen(mail, { event: "group_unsubscribe" }), "event group_unsubscribe"],
  ];
}

function menu(title, items, hint = "") {
  const rows = items.map(([words, work, more]) => {
    const button = make("button", { type: "button", disabled: !work }, make("span", {}, words), more ? make("small", {}, more) : null);
    button.addEventListener("click", () => { button.closest("details").open = false; work(); });
    return button;
  });
  return make("details", { className: "menu" }, make("summary", {}, title),
    make("div", {}, ...rows, hint ? make("p", {}, hint) : null));
}

function act(title, work, words) {
  const button = make("button", { type: "button", className: "act", title: words }, title);
  button.addEventListener("click", work);
  return button;
}

/** One menu at a time, and none beyond the bar's edge. */
function opened(event) {
  const { target, currentTarget: bar } = event;
  if (!target.open) return;
  for (const other of bar.querySelectorAll("details[open]")) if (other !== target) other.open = false;
  const list = target.lastElementChild;
  const room = bar.getBoundingClientRect().right - 8 - target.getBoundingClientRect().left;
  list.style.left = `${Math.min(0, room - list.offsetWidth)}px`;
}

function escape(event) {
  const opened = event.key === "Escape" && event.target.closest("details[open]");
  if (!opened) return;
  opened.open = false;
  opened.querySelector("summary").focus();
}

document.addEventListener("click", (event) => {
  if (event.target.closest("details.menu")) return;
  for (const opened of document.querySelectorAll("details.menu[open]")) opened.open = false;
});

async function happen(mail, given) {
  try {
    const { event } = await carrier.happen(mail.address, mail.id, given);
    toast(`omega hears: ${event.event}${event.type ? ` (${event.type})` : ""}`);
  } catch (fault) {
    toast(fault.message);
  }
}

async function leaveBy(mail, by) {
  try {
    const { webhook } = await carrier.unsubscribe(mail.address, mail.id, by);
    toast(webhook.status === null ? "omega does not answer" : `omega answered ${webhook.status}`);
  } catch (fault) {
    toast(fault.message);
  }
}

// ---- the words

function tab([name, title]) {
  const button = make("button", { type: "button", role: "tab", data: { name } }, title);
  button.disabled = name === "html" && !shown.mail.html;
  button.addEventListener("click", () => view(name));
  return button;
}

function source(mail) {
  return make("a", { href: `${carrier.boxPath(mail.address)}/${mail.id}/source`, target: "_blank", rel: "noopener" }, "Source ↗");
}

function view(name) {
  for (const button of byId("reader").querySelectorAll(".views button")) button.setAttribute("aria-selected", String(button.dataset.name === name));
  byId("sheet").dataset.view = name;
  byId("sheet").replaceChildren({ html: cage, text: words, headers }[name](shown.mail));
  remote(name === "html" && shown.mail.remote && !shown.images);
}

function words(mail) {
  return make("pre", { className: "words", tabIndex: 0 }, mail.text || "This mail has no text part.");
}

function headers(mail) {
  const rows = mail.headers.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]);
  const args = Object.entries(mail.custom_args ?? {}).flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]);
  return make("div", { className: "headers", tabIndex: 0 }, make("dl", {}, ...rows),
    ...(args.length ? [make("h3", {}, "Custom arguments, which the client never sees"), make("dl", {}, ...args)] : []));
}

/** The HTML part in a frame where no script runs; its height follows what is in it. */
function cage(mail) {
  const frame = make("iframe", { title: "The mail as the client sees it", src: `${carrier.boxPath(mail.address)}/${mail.id}/page${shown.images ? "?images=1" : ""}` });
  frame.setAttribute("sandbox", "allow-same-origin allow-popups allow-popups-to-escape-sandbox");
  frame.addEventListener("load", () => {
    const inside = frame.contentDocument?.documentElement;
    if (!inside) return;
    const fit = () => {
      frame.style.height = `${Math.min(Math.max(Math.ceil(inside.getBoundingClientRect().height), 60), 6000)}px`;
    };
    // A mail that is wider than its window is made smaller, as mail programs do.
    const scale = () => {
      inside.style.zoom = "1";
      inside.style.zoom = String(Math.max(Math.min(frame.clientWidth / inside.scrollWidth, 1), .4));
      fit();
    };
    scale();
    new ResizeObserver(scale).observe(frame);
    new ResizeObserver(fit).observe(inside);
  });
  return frame;
}

function remote(held) {
  const load = make("button", { type: "button", className: "ghost" }, "Load them");
  load.addEventListener("click", () => { shown.images = true; view("html"); });
  byId("images").hidden = !held;
  byId("images").replaceChildren("Pictures from elsewhere are not loaded.", load);
}

// ---- attachments

function attachments(mail) {
  const list = make("ul", { className: "files", "aria-label": "Attachments", hidden: !mail.files.length });
  list.append(...mail.files.map((file) => make("li", {}, make("a", { href: `${file.url}?save`, download: file.name || "attachment" },
    make("b", {}, file.name || "without a name"), make("small", {}, `${kind(file)} · ${size(file.size)}`)))));
  return list;
}

const kind = ({ name, content_type, disposition }) => `${disposition === "inline" ? "inside the mail, " : ""}${/\.(\w{1,5})$/.exec(name)?.[1]?.toUpperCase() ?? content_type}`;
const size = (bytes) => (bytes < 1024 ? `${bytes} bytes` : bytes < 1048576 ? `${Math.round(bytes / 1024)} kB` : `${(bytes / 1048576).toFixed(1)} MB`);
