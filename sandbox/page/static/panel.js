// The carrier's panel: its mode, its latency, how reports go astray, and the magic numbers.
import * as carrier from "./carrier.js";
import { byId, make, toast } from "./dom.js";

const MODES = [
  ["none", "Clear", "All goes well"],
  ["429", "Crowded", "429, not accepted"],
  ["500", "Outage", "500, not accepted"],
  ["timeout", "Silence", "Never answers"],
  ["slow", "Fog", "Answers after 30 s"],
  ["accept_then_cut", "Cut line", "Accepts, then hangs up"],
  ["garbage", "Static", "Answers nonsense"],
  ["reject", "Unreachable", "Accepts, then 30003"],
];
const SWITCHES = [
  ["duplicate", "Twice", "Each report is sent two times"],
  ["shuffle", "Out of order", "Delivered is told before sent"],
  ["before_response", "Too early", "Told before the send is answered"],
  ["drop", "Lost", "No report is ever sent"],
];
const SLIDERS = [["latency", "ms"], ["rate", "%"], ["delay", "ms"]];
// What each channel's carrier does with "reject", and with which code.
const REFUSALS = { twilio: ["Accepts, then 30003", 30003], sendgrid: ["Accepts, then bounces 550", 550] };
const NAMES = { twilio: "texts", sendgrid: "mail" };
let now = null;
let section = "twilio";

/** Build the panel and show the faults in force. */
export async function start() {
  byId("modes").append(...MODES.map(mode));
  byId("switches").append(...SWITCHES.map(switched));
  for (const [id, unit] of SLIDERS) {
    byId(id).addEventListener("input", () => tell(id, unit));
    byId(id).addEventListener("change", id === "delay" ? sendCallbacks : sendFaults);
  }
  byId("reset").addEventListener("click", reset);
  byId("alarm-reset").addEventListener("click", reset);
  const listed = await carrier.numbers();
  byId("magic").append(...listed.magic.map(magic));
  byId("addresses").append(...listed.addresses.map(address));
  await refresh();
}

/** Steer the carrier of texts or of mail. */
export async function steer(channel) {
  section = channel === "mail" ? "sendgrid" : "twilio";
  byId("modes").querySelector("input[value=reject] + span").lastChild.textContent = REFUSALS[section][0];
  if (now) show();
}

/** Read the faults and show them. */
export async function refresh() {
  now = await carrier.faults();
  show();
}

function show() {
  const { [section]: faults, callbacks } = now;
  for (const input of byId("modes").querySelectorAll("input")) input.checked = input.value === faults.mode;
  for (const [name] of SWITCHES) byId(`switch-${name}`).checked = Boolean(callbacks[name]);
  byId("latency").value = faults.latency_ms;
  byId("rate").value = Math.round(faults.rate * 100);
  byId("delay").value = callbacks.delay_ms;
  for (const [id, unit] of SLIDERS) tell(id, unit);
  alarm();
}

function tell(id, unit) {
  byId(`${id}-out`).textContent = `${byId(id).value} ${unit}`;
}

function mode([value, title, words]) {
  const input = make("input", { type: "radio", name: "mode", value });
  input.addEventListener("change", sendFaults);
  return make("label", { className: "mode" }, input, make("span", {}, make("b", {}, title), words));
}

function switched([name, title, words]) {
  const input = make("input", { type: "checkbox", id: `switch-${name}`, role: "switch" });
  input.addEventListener("change", sendCallbacks);
  return make("label", { className: "switch" }, make("b", {}, title), make("small", {}, words), input);
}

const magic = ({ ending, title, says }) => copied(`+1555867${ending}`, `…${ending}`, title, says);
const address = ({ address, title, says }) => copied(address, `${address.split("@")[0]}@`, title, says);

function copied(words, shown, title, says) {
  const button = make("button", { type: "button", title: `Copy ${words}` },
    make("code", {}, shown), make("b", {}, title), make("span", {}, says));
  button.addEventListener("click", async () => {
    await copy(words);
    toast(`${words} copied`);
  });
  return make("li", {}, button);
}

/** Put words on the clipboard, where the browser allows it. */
export async function copy(words) {
  try {
    await navigator.clipboard.writeText(words);
    return true;
  } catch {
    return false;
  }
}

async function sendFaults() {
  const faults = now[section];
  const chosen = byId("modes").querySelector("input:checked")?.value ?? faults.mode;
  const changed = chosen !== faults.mode;
  const code = chosen === "reject" ? (changed ? REFUSALS[section][1] : faults.code) : null;
  await put({ [section]: { ...faults, mode: chosen, code, latency_ms: Number(byId("latency").value), rate: Number(byId("rate").value) / 100 } });
}

async function sendCallbacks() {
  const switches = Object.fromEntries(SWITCHES.map(([name]) => [name, byId(`switch-${name}`).checked]));
  await put({ callbacks: { ...now.callbacks, ...switches, delay_ms: Number(byId("delay").value) } });
}

async function put(sections) {
  try {
    now = await carrier.setFaults(sections);
  } catch (fault) {
    toast(fault.message);
  }
  await refresh();
}

async function reset() {
  await carrier.resetFaults();
  await refresh();
  toast("The carrier is well again");
}

function alarm() {
  const { callbacks } = now;
  const said = Object.keys(NAMES).flatMap(weather);
  const astray = SWITCHES.filter(([name]) => callbacks[name]).map(([, title]) => title.toLowerCase());
  if (astray.length) said.push(`reports ${astray.join(", ")}`);
  if (callbacks.delay_ms) said.push(`reports ${callbacks.delay_ms} ms late`);
  byId("alarm").hidden = !said.length;
  byId("alarm").querySelector("span").textContent = `Carrier weather: ${said.join("; ")}.`;
}

function weather(name) {
  const { mode, code, rate, latency_ms } = now[name];
  const said = [];
  if (mode !== "none") {
    const title = MODES.find(([value]) => value === mode)?.[1] ?? "A fault";
    said.push(`${title} (${mode}${code ? ` ${code}` : ""}) for ${Math.round(rate * 100)} % of ${NAMES[name]}`);
  }
  if (latency_ms) said.push(`${latency_ms} ms latency of ${NAMES[name]}`);
  return said;
}
