/* What every part of the inbox uses: its words, talk with the server, short messages, questions. */

export const root = document.getElementById("inbox");
export const words = JSON.parse(document.getElementById("inbox-words").textContent);
export const url = (path) => root.dataset.root + path;
export const csrf = () => document.querySelector("#inbox ~ [name=csrfmiddlewaretoken]").value;
export const business = () => root.dataset.business;
export const windowId = crypto.getRandomValues(new Uint32Array(3)).join("").slice(0, 24);

/* An answer that is none: the session's end, a refusal, or a line that was cut. */
export class NoAnswer extends Error {}

export function sessionOver() {
  const next = encodeURIComponent(window.location.pathname + window.location.search);
  bar(words.over, { href: `${root.dataset.root.replace(/inbox\/$/, "login/")}?next=${next}`, text: words.logIn });
}

export const isLogin = (address) => /\/(login|two-factor)\//.test(address);

async function answered(promise) {
  let answer;
  try {
    answer = await promise;
  } catch {
    throw new NoAnswer(words.failed);
  }
  if (answer.redirected && isLogin(answer.url)) {
    sessionOver();
    throw new NoAnswer(words.over);
  }
  const isJson = (answer.headers.get("Content-Type") || "").startsWith("application/json");
  if (!isJson) throw new NoAnswer(answer.status === 403 ? words.forbidden : words.failed);
  return answer.json();
}

export function get(path, parameters = {}) {
  return answered(fetch(`${url(path)}?${new URLSearchParams(parameters)}`, { headers: { Accept: "application/json" } }));
}

/* Gives what the server said; `errors` in it is why it refused. */
export function post(path, fields) {
  const data = fields instanceof FormData ? fields : new FormData();
  if (!(fields instanceof FormData)) {
    for (const [name, value] of Object.entries(fields || {})) {
      for (const one of [value].flat()) data.append(name, one);
    }
  }
  const headers = { Accept: "application/json", "X-CSRFToken": csrf() };
  return answered(fetch(url(path), { method: "POST", headers, body: data }));
}

/* The line at the top, for what concerns the whole page; `action` is a link or a button in it. */
let barFor = null;
export function bar(text, action) {
  const line = document.getElementById("bar");
  if (barFor === "over" && text) return; // who is logged out needs no other news
  barFor = text ? (action?.href ? "over" : "offline") : null;
  line.replaceChildren(text || "");
  if (action) {
    const made = document.createElement(action.href ? "a" : "button");
    if (action.href) made.href = action.href;
    else {
      made.type = "button";
      made.addEventListener("click", action.run);
    }
    made.textContent = action.text;
    line.append(" ", made);
  }
  line.hidden = !text;
}
export function clearBar() {
  if (barFor !== "over") bar("");
}

/* A short message; `action` is a button in it. Gives a function that takes it away. */
export function toast(text, { tone = "", seconds = 4, action = null } = {}) {
  const made = document.createElement("div");
  made.className = `in-toast ${tone ? `in-toast--${tone}` : ""}`;
  const line = document.createElement("span");
  line.textContent = text;
  made.append(line);
  const away = () => made.remove();
  if (action) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = action.text;
    button.addEventListener("click", () => {
      away();
      action.run();
    });
    made.append(button);
  }
  document.getElementById("toasts").append(made);
  window.setTimeout(away, seconds * 1000);
  return { away, say: (words) => (line.textContent = words) };
}

/* That something did not arrive; `run` does it once more. */
export function complain(error, run = null) {
  const action = run ? { text: words.again, run } : null;
  toast(error instanceof NoAnswer ? error.message : words.failed, { tone: "danger", seconds: run ? 12 : 7, action });
}

/* What stands where a part could not be fetched: what happened, and a button to try it again. */
export function brokenPart(status, run) {
  const text = document.createElement("p");
  text.textContent = status === 403 || status === 404 ? words.gone : status ? words.broken : words.failed;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "om-button";
  button.textContent = words.again;
  button.addEventListener("click", run);
  return [text, button];
}

/* A question with yes and no; `lines` are shown as text. */
export function ask(title, lines = [], yes = "") {
  const dialog = document.getElementById("dialog-ask");
  document.getElementById("ask-title").textContent = title;
  const shown = lines.map((line) => {
    const made = document.createElement("blockquote");
    made.dir = "auto";
    made.textContent = line;
    return made;
  });
  document.getElementById("ask-body").replaceChildren(...shown);
  const button = document.getElementById("ask-yes");
  button.dataset.yes ??= button.textContent;
  button.textContent = yes || button.dataset.yes;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

export function element(html) {
  const template = document.createElement("template");
  template.innerHTML = html.trim(); // rendered and escaped by our own server
  return template.content.firstElementChild;
}

/* Times in the viewer's own zone and words. */
const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const WEEKDAY = new Intl.DateTimeFormat(undefined, { weekday: "short" });
const DATE = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short" });

export function tellTimes(within) {
  for (const time of within.querySelectorAll("time.in-ago")) {
    const at = new Date(time.dateTime);
    const days = (Date.now() - at) / 86400000;
    const isToday = at.toDateString() === new Date().toDateString();
    time.textContent = isToday ? CLOCK.format(at) : days < 6 ? WEEKDAY.format(at) : DATE.format(at);
    time.title = FULL.format(at);
  }
  for (const there of within.querySelectorAll(".in-there")) {
    try {
      const here = { hour: "2-digit", minute: "2-digit", timeZone: there.dataset.zone };
      there.textContent = new Intl.DateTimeFormat(undefined, here).format(new Date());
      there.title = there.dataset.zone;
    } catch {
      /* a zone that this browser does not know stays a name */
    }
  }
  within.dispatchEvent(new CustomEvent("omega:changed", { bubbles: true }));
}
