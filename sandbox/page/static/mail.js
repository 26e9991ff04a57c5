// The mailboxes: which address is looked at, its mails, and what the stream says of them.
import * as carrier from "./carrier.js";
import { ago, byId, make, toast } from "./dom.js";
import * as letter from "./letter.js";
import * as reply from "./reply.js";

const state = { current: null, open: null, mails: [], last: new Map(), unread: new Map(), read: new Set(), total: 0, sender: "", shown: false };
let page = { view: () => {}, fresh: () => {} };

/** What went wrong with a mail, in a word; and the words for the rest. */
export const LOST = { bounce: "bounced", dropped: "dropped", spamreport: "complained", unsubscribe: "unsubscribed", group_unsubscribe: "left the group" };
export const WORDS = { accepted: "accepted", processed: "processed", deferred: "deferred", delivered: "delivered", open: "opened", click: "clicked", sent: "sent", group_resubscribe: "joined the group", ...LOST };

// ---- the list of mailboxes

function drawBoxes() {
  const rows = [...state.last.entries()].sort(([, a], [, b]) => (b?.at ?? "").localeCompare(a?.at ?? ""));
  const focused = document.activeElement?.closest("#boxes button")?.dataset.address;
  byId("boxes").replaceChildren(...rows.map(boxRow));
  if (focused) byId("boxes").querySelector(`[data-address="${CSS.escape(focused)}"]`)?.focus();
  byId("boxes-empty").hidden = rows.length > 0;
  byId("boxes-count").textContent = rows.length ? String(Math.max(state.total, rows.length)) : "";
  byId("letterbox").hidden = Boolean(state.current);
  byId("inbox").hidden = !state.current;
  page.fresh([...state.unread.values()].some((ids) => ids.size));
}

function boxRow([address, last]) {
  const avatar = make("span", { className: "avatar", "aria-hidden": "true" }, initials(address));
  avatar.style.setProperty("--hue", hue(address));
  const unread = state.unread.get(address)?.size;
  const words = last ? `${last.inbound ? "You: " : ""}${last.subject || "No subject"}` : "No mail yet";
  const button = make("button", { type: "button", className: "handset", data: { address } },
    avatar, make("b", {}, address), make("time", {}, last ? ago(last.at) : ""), make("span", { className: "last" }, words),
    unread ? make("span", { className: "unread", "aria-label": `${unread} new` }, String(unread)) : null);
  button.setAttribute("aria-current", String(address === state.current));
  button.addEventListener("click", () => { enter(address); page.view("phone"); });
  return make("li", {}, button);
}

const initials = (address) => address.slice(0, 2).toUpperCase();
export const hue = (address) => String([...address].reduce((sum, character) => (sum * 31 + character.charCodeAt(0)) % 360, 7));

// ---- one mailbox

/** Look into a mailbox; its newest mail is opened where there is room for both. */
async function enter(address) {
  if (address !== state.current) close();
  state.current = address;
  if (!state.last.has(address)) state.last.set(address, null);
  await fill();
  drawBoxes();
  remember();
  const newest = state.mails.find((mail) => !mail.inbound) ?? state.mails[0];
  if (!wide() || !state.shown || state.open || byId("letter-form")) return; // what is being written stays
  if (newest) await openMail(newest.id);
  else compose();
}

async function fill() {
  const address = state.current;
  const found = await carrier.box(address);
  if (state.current !== address) return;
  state.mails = found.results;
  byId("box-name").textContent = address;
  suppressed(found.suppressed.filter((list) => list !== "blocks"));
  drawMails();
}

function suppressed(lists) {
  const forget = make("button", { type: "button", className: "ghost" }, "Take it off");
  forget.addEventListener("click", async () => {
    await carrier.forgive(state.current);
    await fill();
  });
  byId("suppressed").hidden = !lists.length;
  byId("suppressed").replaceChildren(make("span", {}, `On SendGrid's list of ${lists.join(", ").replaceAll("_", " ")}: omega's mail is dropped.`), forget);
}

const wide = () => byId("desk").clientWidth >= 640;

function drawMails() {
  const rows = state.mails.map(mailRow);
  if (!rows.length) rows.push(make("li", { className: "nothing" }, "Nothing yet. Write, and omega hears of it by its inbound hook."));
  const focused = document.activeElement?.closest("#mails button")?.dataset.id;
  byId("mails").replaceChildren(...rows);
  if (focused) byId("mails").querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus();
}

function mailRow(mail) {
  const fresh = state.unread.get(state.current)?.has(mail.id) ?? false;
  const button = make("button", { type: "button", data: { id: mail.id } },
    make("b", {}, mail.inbound ? `To ${mail.from}` : mail.from), make("time", {}, ago(mail.at)),
    make("span", { className: "about" }, mail.subject || "No subject"),
    make("span", { className: "preview" }, mail.preview || "Empty"),
    make("span", { className: "fate" }, fate(mail), mail.attachments ? make("i", {}, `${mail.attachments} attached`) : null));
  button.classList.toggle("mine", mail.inbound);
  button.classList.toggle("fresh-mail", fresh);
  button.setAttribute("aria-current", String(mail.id === state.open));
  button.addEventListener("click", () => openMail(mail.id));
  return make("li", {}, button);
}

/** What became of a mail: of one of omega's by its last event, of a client's by the hook's last answer. */
export function fate(mail) {
  if (mail.inbound) return hooked(mail.callbacks.at(-1));
  const mark = make("em", { className: "mark" }, WORDS[mail.status] ?? mail.status);
  if (mail.status in LOST) mark.classList.add("bad");
  else if (mail.status === "deferred") mark.classList.add("warn");
  else if (!["accepted", "processed"].includes(mail.status)) mark.classList.add("good");
  return mark;
}

function hooked(report) {
  if (!report) return make("em", { className: "mark" }, "on its way");
  if (report.http_status === null) return make("em", { className: "mark bad" }, "omega does not answer");
  const good = report.http_status < 300;
  return make("em", { className: `mark ${good ? "good" : "bad"}` }, good ? "omega has it" : `omega answered ${report.http_status}`);
}

// ---- one mail

async function openMail(id) {
  state.open = id;
  state.read.add(id);
  state.unread.get(state.current)?.delete(id);
  drawMails();
  drawBoxes();
  const address = state.current;
  try {
    const mail = await carrier.mail(address, id);
    if (state.open !== id || state.current !== address) return;
    letter.show(mail, { onReply: () => reply.answer(mail), onBack: back });
    byId("reader").hidden = false;
    byId("desk").dataset.pane = "mail";
    if (!wide()) byId("reader").focus({ preventScroll: true });
  } catch (fault) {
    toast(fault.message);
  }
}

function back() {
  close();
  drawMails();
}

function close() {
  state.open = null;
  byId("reader").hidden = true;
  byId("reader").replaceChildren();
  byId("desk").dataset.pane = "list";
}

function compose() {
  state.open = null;
  drawMails();
  reply.compose({ from: state.current, to: state.sender, onBack: back, onSent: openMail });
  byId("reader").hidden = false;
  byId("desk").dataset.pane = "mail";
}

// ---- what the stream says

/** A mail came into a mailbox, or its client wrote one. */
export function arrived({ address, mail }) {
  const known = state.last.has(address);
  state.last.set(address, mail);
  if (!known) state.total += 1;
  if (!mail.inbound && !state.read.has(mail.id)) {
    if (!state.unread.has(address)) state.unread.set(address, new Set());
    state.unread.get(address).add(mail.id);
  }
  if (!state.current) later("enter", () => enter(address));
  else if (address === state.current) later("fill", refill);
  later("boxes", drawBoxes);
}

/** Something became of a mail. */
export function changed({ address }) {
  if (address === state.current) later("fill", refill);
}

async function refill() {
  await fill();
  const mail = state.mails.find((one) => one.id === state.open);
  if (mail) letter.refresh(mail);
}

const waiting = new Map();
function later(name, work) {
  if (waiting.has(name)) return;
  waiting.set(name, setTimeout(() => { waiting.delete(name); work(); }, 90));
}

/** Read everything anew. */
export async function load() {
  const found = await carrier.boxes();
  const ids = new Set(found.results.map(({ last }) => last.id));
  state.total = found.total;
  state.last = new Map(found.results.map(({ address, last }) => [address, last]));
  if (!ids.size) state.unread.clear();
  const asked = decodeURIComponent(location.hash.match(/^#mail=(.+)/)?.[1] ?? "");
  const next = state.current ?? (asked || found.results[0]?.address);
  if (next) await enter(next);
  if (state.open && !state.mails.some((mail) => mail.id === state.open)) close();
  drawBoxes();
}

// ---- the start

function add(event) {
  event.preventDefault();
  const typed = byId("new-address").value.trim().toLowerCase();
  const address = typed || `client${Math.floor(100 + Math.random() * 899)}@sandbox.test`;
  const good = /^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(address);
  byId("new-address-fault").textContent = good ? "" : "An address has an @ and a domain, such as bob@sandbox.test.";
  if (!good) return;
  byId("new-address").value = "";
  enter(address);
  page.view("phone");
}

function step(event) {
  const list = event.currentTarget;
  const rows = [...list.querySelectorAll("button")];
  const at = rows.indexOf(document.activeElement);
  const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
  if (at < 0 || next === undefined || !rows[next]) return;
  event.preventDefault();
  rows[next].focus();
}

function remember() {
  if (state.shown) history.replaceState(null, "", state.current ? `#mail=${encodeURIComponent(state.current)}` : "#mail");
}

/** The page's channel became mail, or stopped being it. */
export function look(on) {
  state.shown = on;
  if (!on) history.replaceState(null, "", location.pathname);
  else if (state.current) enter(state.current);
  else if (!location.hash.startsWith("#mail")) remember();
}

/** What the carrier says of omega: its own address, and the command that sends the first mail. */
export function learn(found) {
  state.sender = found.email_sender;
  byId("mail-curl").textContent = found.mail_curl;
}

/** Wire the mailboxes' controls; `view` shows a part of the page on a phone, `fresh` hears whether there is news. */
export function wire(given) {
  page = given;
  byId("new-box").addEventListener("submit", add);
  byId("boxes").addEventListener("keydown", step);
  byId("mails").addEventListener("keydown", step);
  byId("compose").addEventListener("click", compose);
  byId("first-mail").addEventListener("click", async () => { await enter("bob@sandbox.test"); compose(); page.view("phone"); });
  byId("inbox").querySelector(".back").addEventListener("click", () => page.view("list"));
}
