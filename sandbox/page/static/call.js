// The handset's calls: dial a business, hear what omega says, answer or decline what rings, leave a voicemail.
import * as carrier from "./carrier.js";
import { byId, make, pretty, toast } from "./dom.js";
import * as voice from "./speech.js";

const ENDED = { completed: "Call ended", busy: "Busy", failed: "Call failed", "no-answer": "Nobody answered", canceled: "Call canceled" };
const PHASES = {
  queued: "Calling", initiated: "Calling", ringing: "Calling", rings: "Ringing", hears: "omega speaks", listens: "Waiting for a key",
  records: "Recording your message", talks: "Connected", "in-progress": "Connected",
};
const LINGER_MS = 2600;
const calls = new Map();
const hidden = new Set(); // legs that were left to ring, or whose end was seen
let handset = null;
let openHandset = () => {};
let since = { id: "", phase: "", at: 0 };

/** Put the call screen, the call button and the place for other phones' ringing on the page; `opens` shows a handset. */
export function start(opens) {
  openHandset = opens;
  const button = make("button", { type: "button", id: "dial", className: "dial", title: "Call this number", "aria-label": "Call this number" }, icon("pick"));
  button.addEventListener("click", dial);
  document.querySelector("#talk .who").append(button);
  document.querySelector(".phone .screen").append(make("section", { id: "call", className: "call", hidden: true, "aria-label": "Call" }));
  byId("new").before(make("div", { id: "rings", className: "rings", role: "status" }));
  setInterval(tick, 500);
}

/** Show the calls of one handset. */
export function show(number) {
  handset = number;
  draw();
}

/** Ask for the calls under way. */
export async function load() {
  const found = await carrier.calls();
  calls.clear();
  for (const call of found) calls.set(call.id, call);
  draw();
}

/** A call as it is now. */
export function changed(call) {
  const before = calls.get(call.id);
  calls.set(call.id, call);
  if (call.status in ENDED) setTimeout(() => forget(call.id), LINGER_MS);
  for (const leg of sides(call)) {
    if (leg.live) voice.follow(leg, sides(before ?? { legs: [] }).find((other) => other.id === leg.id));
  }
  draw();
}

function forget(id) {
  calls.delete(id);
  draw();
}

const sides = (call) => [call, ...(call.legs ?? [])];
const isPhone = (side, number) => side.live && (side.direction === "inbound" ? side.from : side.to) === number;
const rings = (side) => side.direction !== "inbound" && side.status === "ringing" && side.live;

/** The leg of the handset in hand, and the call that it belongs to. */
function mine() {
  for (const call of [...calls.values()].reverse()) {
    const side = sides(call).find((one) => isPhone(one, handset) && !hidden.has(one.id));
    if (side) return { call, side };
  }
  return null;
}

async function dial() {
  try {
    await carrier.callIn(handset, byId("to").value);
  } catch (fault) {
    toast(fault.message);
  }
}

async function steer(side, what) {
  try {
    await carrier.steer(side.id, what);
    if (what === "answer" && side.to.startsWith("+") && side.to !== handset) openHandset(side.to);
  } catch (fault) {
    toast(fault.message);
  }
}

// ---- drawing

function draw() {
  const found = mine();
  const screen = byId("call");
  screen.hidden = !found;
  if (found) drawCall(screen, found);
  drawRings(found?.side);
}

function drawCall(screen, { call, side }) {
  const incoming = side.direction !== "inbound";
  const ended = side.status in ENDED;
  const words = ended ? ENDED[side.status] : incoming && side.status === "ringing" ? "Incoming call" : PHASES[side.phase] ?? side.phase;
  if (since.id !== side.id || since.phase !== side.phase) since = { id: side.id, phase: side.phase, at: Date.now() };
  const focused = document.activeElement?.closest("#call button")?.dataset.what;
  screen.dataset.phase = ended ? "ended" : side.phase;
  screen.replaceChildren(
    make("div", { className: "call-head" },
      make("p", { className: "call-state", role: "status" }, words),
      make("h2", {}, pretty(incoming ? side.from : side.to)),
      make("p", { className: "call-clock", id: "call-clock" }, "")),
    transcript(side),
    parties(call, side),
    keys(side, ended),
    buttons(side, incoming, ended),
  );
  tick();
  if (focused) screen.querySelector(`[data-what="${focused}"]`)?.focus();
  screen.querySelector(".heard")?.lastElementChild?.scrollIntoView({ block: "nearest" });
}

function transcript(side) {
  const lines = side.spoken.map((words) => make("li", {}, words));
  const faults = side.errors.map((words) => make("li", { className: "fault" }, words));
  return make("ol", { className: "heard", "aria-label": "What is heard", "aria-live": "polite" }, ...lines, ...faults);
}

function parties(call, side) {
  if (side !== call) return make("p", { className: "parties" }, "");
  const legs = call.legs.filter((leg) => !["canceled", "queued"].includes(leg.status));
  return make("ul", { className: "parties", "aria-label": "Who is rung" },
    ...legs.map((leg) => make("li", { data: { status: leg.status } }, make("b", {}, called(leg.to)), ` ${leg.status === "in-progress" ? "answered" : leg.status}`)));
}

const called = (name) => (name.startsWith("client:") ? name.slice(7) : pretty(name));

function keys(side, ended) {
  const pad = make("div", { className: "keys", role: "group", "aria-label": "Keys", hidden: ended || !["listens", "hears"].includes(side.phase) });
  for (const key of "123456789*0#") {
    const button = make("button", { type: "button", data: { what: `key-${key}` } }, key);
    button.addEventListener("click", () => steer(side, `press?digits=${encodeURIComponent(key)}`));
    pad.append(button);
  }
  return pad;
}

function buttons(side, incoming, ended) {
  if (ended) return make("div", { className: "call-buttons" });
  if (incoming && side.status === "ringing") {
    return make("div", { className: "call-buttons" },
      action(side, "decline", "Decline", "end"), quiet("Let it ring", () => { hidden.add(side.id); draw(); }), action(side, "answer", "Answer", "take"));
  }
  const finish = side.phase === "records" ? quiet("Finish with #", () => steer(side, "press?digits=%23")) : quiet(voice.on() ? "Mute" : "Unmute", () => { voice.toggle(); draw(); });
  return make("div", { className: "call-buttons" }, finish, action(side, "hangup", "Hang up", "end"));
}

function action(side, what, title, look) {
  const button = make("button", { type: "button", className: `round ${look}`, "aria-label": title, data: { what } }, icon(look === "take" ? "pick" : "drop"), make("span", {}, title));
  button.addEventListener("click", () => steer(side, what));
  return button;
}

function quiet(title, work) {
  const button = make("button", { type: "button", className: "quiet", data: { what: title } }, title);
  button.addEventListener("click", work);
  return button;
}

/** What rings elsewhere: staff's devices, and handsets that are not in hand. */
function drawRings(inHand) {
  const legs = [...calls.values()].flatMap(sides).filter((side) => (rings(side) || talks(side)) && side !== inHand && (side.to.startsWith("client:") || !hidden.has(side.id) || side.to !== handset));
  byId("rings").replaceChildren(...legs.map((leg) => make("div", { className: "ring", data: { status: leg.status } },
    make("p", {}, make("b", {}, `${called(leg.to)} ${leg.status === "ringing" ? "rings" : "talks"}`), make("span", {}, called(leg.from))),
    ...(leg.status === "ringing" ? [action(leg, "decline", "Decline", "end"), action(leg, "answer", "Answer", "take")] : [action(leg, "hangup", "Hang up", "end")]))));
}

const talks = (side) => side.live && side.direction !== "inbound" && side.status === "in-progress" && side.to.startsWith("client:");

function tick() {
  const found = mine();
  const place = byId("call-clock");
  if (!found || !place) return;
  const { side } = found;
  const seconds = side.phase === "records" ? (Date.now() - since.at) / 1000
    : side.status in ENDED ? side.duration : side.answered_at ? (Date.now() - new Date(side.answered_at)) / 1000 : 0;
  const shown = side.answered_at || side.status in ENDED ? clockOf(seconds) : "";
  if (place.textContent !== shown) place.textContent = shown;
}

const clockOf = (seconds) => `${Math.floor(Math.max(seconds, 0) / 60)}:${String(Math.floor(Math.max(seconds, 0) % 60)).padStart(2, "0")}`;

function icon(kind) {
  const name = "http://www.w3.org/2000/svg";
  const image = document.createElementNS(name, "svg");
  image.setAttribute("viewBox", "0 0 24 24");
  image.setAttribute("aria-hidden", "true");
  image.classList.add("handle", kind);
  const path = document.createElementNS(name, "path");
  path.setAttribute("d", "M6.6 10.8a15 15 0 0 0 6.6 6.6l2.2-2.2a1 1 0 0 1 1-.25 11.4 11.4 0 0 0 3.6.57 1 1 0 0 1 1 1V20a1 1 0 0 1-1 1A17 17 0 0 1 3 4a1 1 0 0 1 1-1h3.5a1 1 0 0 1 1 1c0 1.25.2 2.45.57 3.57a1 1 0 0 1-.25 1z");
  path.setAttribute("fill", "currentColor");
  image.append(path);
  return image;
}
