/* The phone above a conversation, or above the inbox: calls a client, and rings where calls are taken in this browser. */
import { SandboxDevice, TwilioDevice, words } from "./devices.js";

const phone = document.getElementById("phone");
const part = (name) => phone.querySelector(`[data-part="${name}"]`);
const TAKES = "omega.phone.takes";

const state = { device: null, line: null, answeredAt: 0, isMuted: false };

/* --- what is seen --- */

const BUTTONS = ["call", "answer", "decline", "hangup", "mute"];

function show(mode, text) {
  phone.dataset.mode = mode; // idle, busy, ringing, incoming, talking
  const seen = {
    idle: ["call"],
    busy: [],
    ringing: ["hangup"],
    incoming: ["answer", "decline"],
    talking: state.device?.canMute ? ["hangup", "mute"] : ["hangup"],
  }[mode];
  for (const name of BUTTONS) part(name).hidden = !seen.includes(name);
  if (!phone.dataset.client) part("call").hidden = true;
  part("as").hidden = mode !== "idle" || part("as").length < 2;
  if (mode !== "idle") phone.hidden = false;
  if (part("away")) part("away").hidden = mode !== "idle";
  say(text);
}

function say(text) {
  part("words").textContent = text || "";
}

function length(since) {
  const seconds = Math.floor((Date.now() - since) / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

setInterval(() => {
  if (phone.dataset.mode === "talking") say(`${words.talking} · ${length(state.answeredAt)}`);
}, 500);

/* --- the device --- */

async function token() {
  const answer = await fetch(phone.dataset.token, {
    method: "POST",
    headers: { Accept: "application/json" },
    credentials: "same-origin",
    body: new URLSearchParams({
      csrfmiddlewaretoken: part("form").elements.csrfmiddlewaretoken.value,
      staff: part("as").value,
    }),
  });
  const isJson = (answer.headers.get("Content-Type") || "").startsWith("application/json");
  const found = isJson && !answer.redirected ? await answer.json() : {};
  if (!answer.ok || !found.token) throw new Error((found.errors || [words.noToken]).join(" "));
  return found.token;
}

async function ready() {
  if (state.device) return state.device;
  const device = phone.dataset.carrier ? new SandboxDevice(phone.dataset.carrier) : new TwilioDevice(phone.dataset.sdk);
  await device.register(await token());
  device.addEventListener("incoming", (event) => ring(event.detail));
  device.addEventListener("expiring", async () => device.renew(await token()));
  device.addEventListener("error", (event) => say(event.detail));
  state.device = device;
  return device;
}

function forget() {
  state.device?.close();
  state.device = null;
}

/* --- a call --- */

function follow(line) {
  state.line = line;
  let heard = "";
  line.addEventListener("ringing", () => phone.dataset.mode === "busy" && show("ringing", words.ringing));
  line.addEventListener("spoken", (event) => {
    heard = event.detail;
    say(heard);
  });
  line.addEventListener("answered", () => {
    if (phone.dataset.mode === "talking" || heard) return;
    state.answeredAt = Date.now();
    show("talking", `${words.talking} · 0:00`);
  });
  line.addEventListener("ended", (event) => {
    if (state.line !== line) return;
    const talked = phone.dataset.mode === "talking";
    state.line = null;
    show("idle", event.detail || heard || (talked ? words.endedAfter.replace("{length}", length(state.answeredAt)) : words.ended));
  });
}

async function call() {
  show("busy", words.calling);
  try {
    const device = await ready();
    follow(await device.connect({ client_id: phone.dataset.client }));
    if (phone.dataset.mode === "busy") show("ringing", words.calling);
  } catch (error) {
    show("idle", error.message);
  }
}

function ring(line) {
  if (state.line) return line.decline();
  follow(line);
  show("incoming", words.isCalling.replace("{caller}", line.parameters.caller || line.from));
}

part("form").addEventListener("submit", (event) => {
  event.preventDefault();
  call();
});
part("answer").addEventListener("click", () => state.line?.answer());
part("decline").addEventListener("click", () => state.line?.decline());
part("hangup").addEventListener("click", () => state.line?.hangUp());
part("mute").addEventListener("click", () => {
  state.isMuted = !state.isMuted;
  part("mute").setAttribute("aria-pressed", String(state.isMuted));
  state.line?.mute(state.isMuted);
});

/* --- taking calls here: remembered by this browser --- */

part("takes").checked = localStorage.getItem(TAKES) === "yes";
async function take() {
  localStorage.setItem(TAKES, part("takes").checked ? "yes" : "no");
  if (!part("takes").checked) return state.line || forget();
  try {
    await ready();
    say(words.here);
  } catch (error) {
    part("takes").checked = false;
    say(error.message);
  }
}
part("takes").addEventListener("change", take);
part("as").addEventListener("change", () => {
  forget();
  if (part("takes").checked) take();
});
window.addEventListener("pagehide", forget);

/* --- above the inbox: whom it calls is asked for when it is told to --- */

async function callFrom(conversation) {
  phone.hidden = false;
  if (phone.dataset.mode !== "idle") return say(words.busy);
  try {
    const answer = await fetch(phone.dataset.facts.replace("/0/", `/${conversation}/`), { headers: { Accept: "application/json" } });
    const isJson = (answer.headers.get("Content-Type") || "").startsWith("application/json");
    if (!answer.ok || answer.redirected || !isJson) throw new Error(words.noToken);
    const found = await answer.json();
    phone.dataset.client = found.client;
    part("who").textContent = found.name;
    part("call").disabled = Boolean(found.closed);
    if (found.closed) return show("idle", found.closed);
    if (String(found.as) !== part("as").value) {
      part("as").value = found.as;
      forget();
    }
    return call();
  } catch {
    return show("idle", words.noToken);
  }
}

if (phone.dataset.facts) {
  document.addEventListener("omega:call", (event) => callFrom(event.detail));
  document.addEventListener("omega:phone", () => {
    phone.hidden = phone.dataset.mode === "idle" && !phone.hidden;
  });
  part("away").addEventListener("click", () => {
    phone.hidden = true;
  });
}

show("idle", part("words").textContent);
if (part("takes").checked && !part("takes").disabled) take();
