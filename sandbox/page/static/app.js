// The page: which handset is in hand, what the stream says, and what is typed.
import * as phone from "./call.js";
import * as carrier from "./carrier.js";
import { ago, byId, clock, day, make, pretty, toast } from "./dom.js";
import * as mail from "./mail.js";
import * as panel from "./panel.js";
import { measure } from "./segments.js";
import * as thread from "./thread.js";

const MOST_BYTES = 5 * 1024 * 1024;
const state = { current: null, texts: [], last: new Map(), unread: new Map(), attached: [], sender: "", total: 0 };

// ---- the list of handsets

function drawList() {
  const rows = [...state.last.entries()].sort(([, a], [, b]) => (b?.at ?? "").localeCompare(a?.at ?? ""));
  const focused = document.activeElement?.closest("#handsets button")?.dataset.number;
  byId("handsets").replaceChildren(...rows.map(row));
  if (focused) byId("handsets").querySelector(`[data-number="${CSS.escape(focused)}"]`)?.focus();
  byId("list-empty").hidden = rows.length > 0;
  byId("list-count").textContent = rows.length ? String(Math.max(state.total, rows.length)) : "";
  fresh("phone", [...state.unread.values()].some(Boolean));
}

function row([number, last]) {
  const avatar = make("span", { className: "avatar", "aria-hidden": "true" }, number.slice(-2));
  avatar.style.setProperty("--hue", String((Number(number.slice(-6)) * 47) % 360));
  const words = last ? `${last.inbound ? "You: " : ""}${last.body || "Picture"}` : "No texts yet";
  const unread = state.unread.get(number);
  const button = make("button", { type: "button", className: "handset", data: { number } },
    avatar, make("b", {}, pretty(number)), make("time", {}, last ? ago(last.at) : ""),
    make("span", { className: "last" }, words),
    unread ? make("span", { className: "unread", "aria-label": `${unread} new` }, String(unread)) : null);
  button.setAttribute("aria-current", String(number === state.current));
  button.addEventListener("click", () => open(number));
  return make("li", {}, button);
}

function step(event) {
  const rows = [...byId("handsets").querySelectorAll("button")];
  const at = rows.indexOf(document.activeElement);
  const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
  if (at < 0 || next === undefined || !rows[next]) return;
  event.preventDefault();
  rows[next].focus();
}

// ---- the phone

async function open(number, { look = true } = {}) {
  state.current = number;
  state.unread.delete(number);
  if (!state.last.has(number)) state.last.set(number, null);
  const found = await carrier.thread(number);
  if (state.current !== number) return;
  state.texts = found.results;
  byId("lock").hidden = true;
  byId("talk").hidden = false;
  byId("who").textContent = pretty(number);
  byId("blocked").hidden = !found.opted_out;
  thread.senders(state.texts, state.sender);
  thread.show(state.texts);
  phone.show(number);
  drawList();
  if (look) {
    view("phone");
    byId("say").focus({ preventScroll: true });
  }
}

/** Show texts or mail; the carrier's panel follows. */
function channel(name) {
  document.body.dataset.channel = name;
  for (const part of document.querySelectorAll("main [data-for]")) part.hidden = part.dataset.for !== name;
  for (const button of document.querySelectorAll(".channels button")) button.setAttribute("aria-current", String(button.dataset.channel === name));
  for (const tab of document.querySelectorAll(".tabs [data-mail]")) tab.textContent = tab.dataset[name];
  document.querySelector(".skip").href = name === "mail" ? "#inbox" : "#say";
  panel.steer(name);
  mail.look(name === "mail");
}

/** A dot at the channel where something new is. */
function fresh(name, is) {
  document.querySelector(`.channels [data-channel=${name}] .fresh`).hidden = !is;
  const any = [...document.querySelectorAll(".channels .fresh")].some((dot) => !dot.hidden);
  document.title = `${any ? "● " : ""}Handset and mailbox · omega sandbox`;
}

function view(name) {
  document.body.dataset.view = name;
  for (const tab of document.querySelectorAll(".tabs button")) tab.setAttribute("aria-current", String(tab.dataset.view === name));
}

async function send(body) {
  const media = state.attached.map((file) => file.url);
  if (!body.trim() && !media.length) return;
  const from = state.current;
  byId("say").value = "";
  state.attached = [];
  drawTray();
  meter();
  try {
    await carrier.text(from, byId("to").value, body, media);
  } catch (fault) {
    toast(fault.message);
  }
}

function meter() {
  const words = byId("say").value;
  const { encoding, units, segments } = measure(words);
  byId("meter").textContent = words ? `${units} ${encoding} · ${segments} ${segments === 1 ? "segment" : "segments"}` : "";
  document.querySelector(".send").disabled = !words.trim() && !state.attached.length;
}

function attach(event) {
  for (const file of [...event.target.files].slice(0, 10 - state.attached.length)) {
    if (file.size > MOST_BYTES) {
      toast(`${file.name} is larger than 5 MB`);
      continue;
    }
    const reader = new FileReader();
    reader.onload = () => {
      state.attached.push({ name: file.name, url: reader.result });
      drawTray();
      meter();
    };
    reader.readAsDataURL(file);
  }
  event.target.value = "";
}

function drawTray() {
  byId("tray").hidden = !state.attached.length;
  byId("tray").replaceChildren(...state.attached.map((file) => {
    const button = make("button", { type: "button", "aria-label": `Remove ${file.name}` }, make("img", { src: file.url, alt: "" }));
    button.addEventListener("click", () => {
      state.attached = state.attached.filter((other) => other !== file);
      drawTray();
      meter();
    });
    return button;
  }));
}

// ---- what the stream says

const changes = {
  text({ text }) {
    const known = state.last.has(text.handset);
    state.last.set(text.handset, text);
    if (!known) state.total += 1;
    if (text.handset === state.current) {
      if (!state.texts.some((other) => other.id === text.id)) state.texts.push(text);
      thread.add(text);
      if (text.inbound || !byId("to").options.length) later("blocked", () => open(state.current, { look: false }));
    } else if (!text.inbound) {
      state.unread.set(text.handset, (state.unread.get(text.handset) ?? 0) + 1);
    }
    if (!state.current) open(text.handset, { look: false });
    later("list", drawList);
    later("count", count);
  },
  status(change) {
    touch(change, (text) => Object.assign(text, { status: change.status, error_code: change.error_code }));
  },
  callback({ id, handset, status, at, attempts, http_status }) {
    touch({ id, handset }, (text) => text.callbacks.push({ status, at, attempts, http_status }));
  },
  mail(change) {
    mail.arrived(change);
    later("count", count);
  },
  mail_status: (change) => mail.changed(change),
  mail_report: (change) => mail.changed(change),
  call({ call }) {
    phone.changed(call);
    later("count", count);
  },
  reload: () => later("load", load, 300),
  faults: () => later("faults", panel.refresh),
};

function touch({ id, handset }, change) {
  if (handset !== state.current) return;
  const text = state.texts.find((other) => other.id === id);
  if (!text) return;
  change(text);
  thread.refresh(text);
}

const waiting = new Map();
function later(name, work, wait = 60) {
  if (waiting.has(name)) return;
  waiting.set(name, setTimeout(() => { waiting.delete(name); work(); }, wait));
}

async function count() {
  byId("accepted").textContent = (await carrier.accepted()).toLocaleString();
}

async function load() {
  const found = await carrier.handsets();
  state.total = found.total;
  state.last = new Map(found.results.map(({ number, last }) => [number, last]));
  if (state.current && !state.last.has(state.current)) state.last.set(state.current, null);
  drawList();
  if (state.current) await open(state.current, { look: false });
  else if (found.results.length) await open(found.results[0].number, { look: false });
  await Promise.all([count(), mail.load(), phone.load()]);
}

// ---- the start

function add(event) {
  event.preventDefault();
  const typed = byId("new-number").value.replace(/[\s().-]/g, "");
  const number = typed || `+1555${String(Math.floor(2000000 + Math.random() * 7999999))}`;
  const good = /^\+[1-9]\d{6,14}$/.test(number);
  byId("new-fault").textContent = good ? "" : "A number starts with + and its country, such as +1 555 867 5310.";
  if (!good) return;
  byId("new-number").value = "";
  open(number);
}

function tick() {
  byId("clock").textContent = byId("lock-time").textContent = clock(Date.now()).replace(/\s?[AP]M$/i, "");
  byId("lock-date").textContent = day(Date.now());
}

async function copyCommand(id) {
  const done = await panel.copy(byId(id).textContent);
  if (!done) getSelection().selectAllChildren(byId(id));
  toast(done ? "Copied: paste it into a terminal" : "Selected: copy it with your keyboard");
}

async function learn() {
  const found = await carrier.config();
  byId("admin").href = found.admin_url;
  byId("curl").textContent = found.curl;
  state.sender = found.sender;
  mail.learn(found);
}

function wire() {
  byId("handsets").addEventListener("keydown", step);
  byId("new").addEventListener("submit", add);
  byId("first").addEventListener("click", () => open("+15558675310"));
  byId("copy").addEventListener("click", () => copyCommand("curl"));
  byId("copy-mail").addEventListener("click", () => copyCommand("mail-curl"));
  byId("back").addEventListener("click", () => view("list"));
  byId("files").addEventListener("change", attach);
  byId("say").addEventListener("input", meter);
  byId("say").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      send(byId("say").value);
    }
  });
  byId("say-form").addEventListener("submit", (event) => { event.preventDefault(); send(byId("say").value); });
  for (const chip of document.querySelectorAll(".chips button")) chip.addEventListener("click", () => send(chip.textContent));
  for (const button of document.querySelectorAll(".channels button")) button.addEventListener("click", () => channel(button.dataset.channel));
  mail.wire({ view, fresh: (is) => fresh("mail", is) });
  for (const tab of document.querySelectorAll(".tabs button")) tab.addEventListener("click", () => view(tab.dataset.view));
}

function live(on) {
  byId("live").dataset.state = on;
  byId("live").querySelector("span").textContent = on === "on" ? "Live" : "Carrier is away";
}

async function start() {
  wire();
  phone.start(open);
  view("list");
  tick();
  meter();
  setInterval(tick, 5000);
  setInterval(drawList, 30000);
  await learn();
  await panel.start();
  if (location.hash.startsWith("#mail")) channel("mail");
  carrier.listen({ onOpen: load, onState: live, onChange: (change) => changes[change.type]?.(change) });
}

start();
