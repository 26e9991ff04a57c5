/* The phone above a conversation: calls its client, and rings where calls are taken in this browser. */
import { SandboxDevice, TwilioDevice } from "./devices.js";

const phone = document.getElementById("phone");
const part = (name) => phone.querySelector(`[data-part="${name}"]`);
const TAKES = "omega.phone.takes";

const state = { device: null, line: null, answeredAt: 0, isMuted: false };

/* --- what is seen --- */

const BUTTONS = ["call", "answer", "decline", "hangup", "mute"];

function show(mode, words) {
  phone.dataset.mode = mode; // idle, busy, ringing, incoming, talking
  const seen = {
    idle: ["call"],
    busy: [],
    ringing: ["hangup"],
    incoming: ["answer", "decline"],
    talking: state.device?.canMute ? ["hangup", "mute"] : ["hangup"],
  }[mode];
  for (const name of BUTTONS) part(name).hidden = !seen.includes(name);
  part("as").hidden = mode !== "idle" || part("as").length < 2;
  say(words);
}

function say(words) {
  part("words").textContent = words || "";
}

function length(since) {
  const seconds = Math.floor((Date.now() - since) / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

setInterval(() => {
  if (phone.dataset.mode === "talking") say(`Talking · ${length(state.answeredAt)}`);
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
  if (!answer.ok || !found.token) throw new Error((found.errors || ["The phone could not be set up."]).join(" "));
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
  line.addEventListener("ringing", () => phone.dataset.mode === "busy" && show("ringing", "Ringing …"));
  line.addEventListener("spoken", (event) => {
    heard = event.detail;
    say(heard);
  });
  line.addEventListener("answered", () => {
    if (phone.dataset.mode === "talking" || heard) return;
    state.answeredAt = Date.now();
    show("talking", "Talking · 0:00");
  });
  line.addEventListener("ended", (event) => {
    if (state.line !== line) return;
    const talked = phone.dataset.mode === "talking";
    state.line = null;
    show("idle", event.detail || heard || (talked ? `Ended after ${length(state.answeredAt)}` : "Ended"));
  });
}

async function call() {
  show("busy", "Calling …");
  try {
    const device = await ready();
    follow(await device.connect({ client_id: phone.dataset.client }));
    if (phone.dataset.mode === "busy") show("ringing", "Calling …");
  } catch (error) {
    show("idle", error.message);
  }
}

function ring(line) {
  if (state.line) return line.decline();
  follow(line);
  show("incoming", `${line.parameters.caller || line.from} is calling`);
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
    say("Calls ring here");
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

show("idle", part("words").textContent);
if (part("takes").checked && !part("takes").disabled) take();
