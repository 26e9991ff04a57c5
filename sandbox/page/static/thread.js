// One handset's screen: its bubbles, what became of each, and the pictures in them.
import { byId, clock, day, make, pretty } from "./dom.js";

const TICKS = { queued: "·", accepted: "·", scheduled: "◷", sending: "·", sent: "✓", delivered: "✓✓", read: "✓✓" };
const WORDS = {
  queued: "queued", accepted: "accepted", scheduled: "scheduled", sent: "sent", delivered: "delivered",
  undelivered: "not delivered", failed: "failed", canceled: "canceled",
};
const LOST = new Set(["undelivered", "failed", "canceled"]);

/** Show a whole thread. */
export function show(texts) {
  const screen = byId("thread");
  const bubbles = [];
  let last = "";
  for (const text of texts) {
    const date = day(text.at);
    if (date !== last) bubbles.push(make("p", { className: "day" }, date));
    last = date;
    bubbles.push(bubble(text));
  }
  if (!bubbles.length) bubbles.push(make("p", { className: "nothing" }, "Nothing yet. Write below, and omega hears of it by its webhook."));
  screen.replaceChildren(...bubbles);
  screen.scrollTop = screen.scrollHeight;
}

/** Add one text at the end, and keep the end in view where it was in view. */
export function add(text) {
  const screen = byId("thread");
  if (screen.querySelector(`[data-id="${CSS.escape(text.id)}"]`)) return;
  const following = screen.scrollHeight - screen.scrollTop - screen.clientHeight < 80;
  screen.querySelector(".nothing")?.remove();
  if (!screen.children.length) screen.append(make("p", { className: "day" }, day(text.at)));
  const element = bubble(text);
  element.classList.add("fresh");
  screen.append(element);
  if (following || text.inbound) screen.scrollTop = screen.scrollHeight;
}

/** Draw a text's fate anew. */
export function refresh(text) {
  const element = byId("thread").querySelector(`[data-id="${CSS.escape(text.id)}"]`);
  if (!element) return;
  element.classList.toggle("lost", LOST.has(text.status));
  element.querySelector(".meta").replaceWith(meta(text));
}

function bubble(text) {
  const pictures = text.media.map((address) => picture(address));
  const words = text.body ? make("div", { className: "bubble" }, text.body) : null;
  const element = make("div", { className: "text", data: { id: text.id } }, ...pictures, words, meta(text));
  element.classList.toggle("mine", text.inbound);
  element.classList.toggle("lost", LOST.has(text.status));
  return element;
}

function picture(address) {
  const image = make("img", { src: address, alt: "Picture", loading: "lazy" });
  const link = make("a", { className: "picture", href: address, target: "_blank", rel: "noopener" }, image);
  image.addEventListener("error", () => {
    link.classList.add("file");
    link.textContent = "Attached file";
  });
  image.addEventListener("load", () => {
    const screen = byId("thread");
    if (screen.scrollHeight - screen.scrollTop - screen.clientHeight < 320) screen.scrollTop = screen.scrollHeight;
  });
  return link;
}

function meta(text) {
  const line = make("div", { className: "meta" }, make("span", {}, clock(text.at)));
  if (text.inbound) line.append(...webhook(text));
  else line.append(...fate(text));
  if (text.segments > 1) line.append(make("span", {}, `${text.segments} segments`));
  return line;
}

/** What became of a text that omega sent. */
function fate(text) {
  if (LOST.has(text.status)) {
    return [make("span", { className: "bad" }, `${WORDS[text.status]}${text.error_code ? ` · ${text.error_code}` : ""}`)];
  }
  const ticks = make("span", { className: "ticks", "aria-hidden": "true" }, TICKS[text.status] ?? "·");
  ticks.classList.toggle("good", text.status === "delivered");
  const parts = [ticks, make("span", {}, WORDS[text.status] ?? text.status)];
  const deaf = text.callbacks.filter((report) => report.http_status === null || report.http_status >= 400);
  if (deaf.length) parts.push(make("span", { className: "warn" }, "report not taken"));
  return parts;
}

/** Whether omega took a text that this handset sent. */
function webhook(text) {
  const report = text.callbacks.at(-1);
  if (!report) return [make("span", {}, "sent")];
  if (report.http_status === null) return [make("span", { className: "bad" }, "omega does not answer")];
  if (report.http_status >= 400) return [make("span", { className: "bad" }, `omega answered ${report.http_status}`)];
  return [make("span", { className: "good ticks", "aria-hidden": "true" }, "✓"), make("span", {}, "omega has it")];
}

/** Offer the numbers that a handset may write to, the last used first. */
export function senders(texts, fallback) {
  const known = [...new Set(texts.map((text) => text.other).filter((other) => /^\+?\d+$/.test(other ?? "")).reverse())];
  const numbers = known.length ? known : [fallback];
  byId("to").replaceChildren(...numbers.map((number) => make("option", { value: number }, pretty(number))));
}
