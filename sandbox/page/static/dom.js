// Makes elements from data. Text goes in as text only, so nothing that a client wrote can become markup.

/** An element with properties, data attributes and children (elements or strings). */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "data") Object.assign(element.dataset, value);
    else if (name.startsWith("aria-") || name === "role" || name === "for") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** The element of that id. */
export const byId = (id) => document.getElementById(id);

/** +15558675310 as +1 (555) 867-5310; other countries in groups. */
export function pretty(number) {
  const american = /^\+1(\d{3})(\d{3})(\d{4})$/.exec(number ?? "");
  if (american) return `+1 (${american[1]}) ${american[2]}-${american[3]}`;
  return (number ?? "").replace(/^(\+\d{2})(\d{3})(\d{3})(\d+)$/, "$1 $2 $3 $4");
}

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: "long", month: "long", day: "numeric" });
const SHORT_DAY = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });

export const clock = (at) => CLOCK.format(new Date(at));
export const day = (at) => DAY.format(new Date(at));

/** A time as a list shows it: now, 5 min, 14:05, Mar 3. */
export function ago(at) {
  const then = new Date(at);
  const minutes = (Date.now() - then) / 60000;
  if (minutes < 1) return "now";
  if (minutes < 60) return `${Math.floor(minutes)} min`;
  return minutes < 24 * 60 ? CLOCK.format(then) : SHORT_DAY.format(then);
}

let hiding;

/** Say something for two seconds. */
export function toast(words) {
  const element = byId("toast");
  element.textContent = words;
  element.dataset.shown = "yes";
  clearTimeout(hiding);
  hiding = setTimeout(() => delete element.dataset.shown, 2200);
}
