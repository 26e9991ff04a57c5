/* Two devices with one face: Twilio's own, and one that plays it at the sandbox carrier.
   Both tell by events: "incoming" (detail: a Line), "expiring", "error" (detail: a sentence). */

export const words = JSON.parse(document.getElementById("phone-words").textContent);

/* A call under way. Tells by events: "ringing", "answered", "ended" (detail: a sentence, or nothing). */
class Line extends EventTarget {
  constructor(from, parameters) {
    super();
    this.from = from;
    this.parameters = parameters;
    this.isOver = false;
  }

  tell(name, detail = "") {
    if (this.isOver) return;
    if (name === "ended") this.isOver = true;
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

/* --- Twilio's --- */

class TwilioLine extends Line {
  constructor(call) {
    super(call.parameters.From || "", Object.fromEntries(call.customParameters || []));
    this.call = call;
    call.on("ringing", () => this.tell("ringing"));
    call.on("accept", () => this.tell("answered"));
    for (const name of ["disconnect", "cancel", "reject"]) call.on(name, () => this.tell("ended"));
    call.on("error", (error) => this.tell("ended", error.message));
  }

  answer() {
    this.call.accept();
  }

  decline() {
    this.call.reject();
    this.tell("ended");
  }

  hangUp() {
    this.call.disconnect();
  }

  mute(isMuted) {
    this.call.mute(isMuted);
  }
}

function loaded(source) {
  return new Promise((done, failed) => {
    if (globalThis.Twilio?.Device) return done();
    const script = document.createElement("script");
    script.src = source;
    script.onload = done;
    script.onerror = () => failed(new Error(words.noProgram));
    document.head.append(script);
  });
}

export class TwilioDevice extends EventTarget {
  constructor(source) {
    super();
    this.source = source;
    this.canMute = true;
  }

  async register(token) {
    await loaded(this.source);
    this.device = new globalThis.Twilio.Device(token, { closeProtection: true, logLevel: "error" });
    this.device.on("incoming", (call) => {
      this.dispatchEvent(new CustomEvent("incoming", { detail: new TwilioLine(call) }));
    });
    this.device.on("tokenWillExpire", () => this.dispatchEvent(new Event("expiring")));
    this.device.on("error", (error) => this.dispatchEvent(new CustomEvent("error", { detail: error.message })));
    await this.device.register();
  }

  renew(token) {
    this.device.updateToken(token);
  }

  async connect(params) {
    return new TwilioLine(await this.device.connect({ params }));
  }

  close() {
    this.device?.destroy();
  }
}

/* --- The sandbox's: nothing is heard, all else is as with Twilio --- */

const OVER = new Set(["completed", "busy", "failed", "no-answer", "canceled"]);

class SandboxLine extends Line {
  constructor(device, shown) {
    super(shown.from, shown.parameters || {});
    this.device = device;
    this.sid = shown.id;
    this.spoken = 0;
  }

  /* What the carrier says of the call now. */
  follow(shown) {
    const words = shown.spoken || [];
    if (words.length > this.spoken) this.tell("spoken", words[words.length - 1]);
    this.spoken = words.length;
    if (OVER.has(shown.status)) this.tell("ended");
    else if (shown.status === "in-progress") this.tell("answered");
    else this.tell("ringing");
  }

  steer(what) {
    return this.device.post(`/calls/${this.sid}/${what}`);
  }

  answer() {
    return this.steer("answer");
  }

  decline() {
    return this.steer("decline");
  }

  hangUp() {
    return this.steer("hangup");
  }

  mute() {}
}

export class SandboxDevice extends EventTarget {
  constructor(carrier) {
    super();
    this.carrier = carrier;
    this.canMute = false;
    this.lines = new Map();
  }

  async post(path, body) {
    const answer = await fetch(this.carrier + path, {
      method: "POST",
      headers: body ? { "Content-Type": "application/json" } : {},
      body: body ? JSON.stringify(body) : undefined,
    }).catch(() => {
      throw new Error(words.noCarrier);
    });
    const found = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(found.message || found.error || words.refused);
    return found;
  }

  async register(token) {
    const { identity } = await this.post("/device/register", { token });
    this.identity = identity;
    this.events = new EventSource(`${this.carrier}/device/${identity}/events`);
    this.events.onmessage = (event) => this.hear(JSON.parse(event.data));
    await new Promise((done, failed) => {
      this.events.onopen = done;
      this.events.onerror = () => failed(new Error(words.noCarrier));
    });
    this.events.onerror = null;
  }

  renew(token) {
    return this.post("/device/register", { token });
  }

  hear(shown) {
    const known = this.lines.get(shown.id);
    if (known) return known.follow(shown);
    if (shown.to !== `client:${this.identity}` || OVER.has(shown.status)) return;
    const line = new SandboxLine(this, shown);
    this.lines.set(shown.id, line);
    this.dispatchEvent(new CustomEvent("incoming", { detail: line }));
  }

  async connect(params) {
    const { call } = await this.post(`/device/${this.identity}/call`, { params, live: true, wait: false });
    const line = new SandboxLine(this, call);
    this.lines.set(call.id, line);
    return line;
  }

  close() {
    this.events?.close();
    if (this.identity) fetch(`${this.carrier}/device/${this.identity}`, { method: "DELETE", keepalive: true });
  }
}
