// The carrier's calls, as the page uses them; a refusal's sentence becomes the error's message.

async function call(path, options) {
  const answer = await fetch(path, options);
  const body = answer.status === 204 ? null : await answer.json();
  if (!answer.ok) throw new Error(body?.detail ?? `The carrier answered ${answer.status}.`);
  return body;
}

const json = (method, body) => ({ method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

export const config = () => call("/config");
export const numbers = () => call("/numbers");
export const handsets = () => call("/handset");
export const thread = (number) => call(`/handset/${encodeURIComponent(number)}`);
export const accepted = async () => (await call("/ledger?limit=0")).count;
export const faults = () => call("/faults");
export const setFaults = (sections) => call("/faults", json("PUT", sections));
export const resetFaults = () => call("/faults", { method: "DELETE" });
export const text = (from, to, body, media) => call("/handset/sms", json("POST", { from, to, body, media }));
export const boxes = () => call("/mailbox");
export const box = (address) => call(boxPath(address));
export const mail = (address, id) => call(`${boxPath(address)}/${id}`);
export const happen = (address, id, given) => call(`${boxPath(address)}/${id}/events`, json("POST", given));
export const unsubscribe = (address, id, by) => call(`${boxPath(address)}/${id}/unsubscribe`, json("POST", { by }));
export const forgive = (address) => call(`/suppressions?address=${encodeURIComponent(address)}`, { method: "DELETE" });
export const write = (letter) => call("/handset/email", json("POST", letter));
export const boxPath = (address) => `/mailbox/${encodeURIComponent(address)}`;

export const calls = async () => (await call("/calls")).results;
export const callIn = (from, to) => call("/handset/call", json("POST", { from, to, live: true }));
export const steer = (sid, what) => call(`/calls/${sid}/${what}`, { method: "POST" });

/** Listen for changes; `onState` hears on or off, `onChange` each change, and `onOpen` every (re)connection. */
export function listen({ onOpen, onState, onChange }) {
  const events = new EventSource("/events");
  events.onopen = () => { onState("on"); onOpen(); };
  events.onerror = () => onState("off");
  events.onmessage = (event) => JSON.parse(event.data).forEach(onChange);
}
