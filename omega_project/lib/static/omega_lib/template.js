/* The form of a template: what it would say, asked anew while somebody writes; and a variable put in by its button. */
const box = document.getElementById("template-preview");
const field = (name) => document.getElementById(`id_${name}`);
const part = (name) => box.querySelector(`[data-part=${name}]`);
const client = document.getElementById("template-client");
const WAIT_MS = 250;
const words = {
  missing: box.dataset.missing || "Nobody gives these by itself, a send has to: ",
  characters: box.dataset.characters || "characters",
  segments: box.dataset.segments || "segments",
  gone: box.dataset.gone || "The preview did not arrive. It is asked for again at the next letter.",
};
let waits = 0;
let asked = 0;

function businessId() {
  const chosen = field("business");
  return (chosen && chosen.value) || box.dataset.business || "";
}

async function ask() {
  asked += 1;
  const mine = asked;
  const data = new URLSearchParams({ business: businessId(), client: client.value });
  for (const name of ["channel", "subject", "body"]) data.set(name, field(name) ? field(name).value : "");
  data.set("csrfmiddlewaretoken", document.querySelector("[name=csrfmiddlewaretoken]").value);
  try {
    const answer = await fetch(box.dataset.url, {
      method: "POST",
      body: data,
      headers: { Accept: "application/json" },
      credentials: "same-origin",
    });
    if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
    const shown = await answer.json();
    if (mine === asked) show(shown);
  } catch {
    part("count").textContent = words.gone;
  }
}

function show(shown) {
  const has = Boolean(shown.body || shown.subject);
  if (has) part("body").textContent = shown.body;
  part("subject").textContent = shown.subject;
  part("subject").hidden = !shown.subject;
  part("missing").hidden = !shown.missing.length;
  part("missing").textContent = words.missing + shown.missing.join(", ");
  const segments = shown.segments === null ? "" : ` · ${shown.segments} ${words.segments} (${shown.encoding})`;
  part("count").textContent = has ? `${shown.characters} ${words.characters}${segments}` : "";
  const chosen = client.value;
  if (client.dataset.of !== businessId()) {
    client.dataset.of = businessId();
    const options = shown.clients.map(([pk, name]) => new Option(name, pk));
    client.replaceChildren(client.options[0], ...options);
    client.value = [...client.options].some((one) => one.value === chosen) ? chosen : "";
  }
}

function later() {
  window.clearTimeout(waits);
  waits = window.setTimeout(ask, WAIT_MS);
}

for (const name of ["channel", "subject", "body", "business"]) {
  if (!field(name)) continue;
  field(name).addEventListener("input", later);
  field(name).addEventListener("change", later);
}
client.addEventListener("change", ask);
for (const button of box.querySelectorAll("[data-variable]")) {
  button.addEventListener("click", () => {
    const body = field("body");
    if (!body) return;
    body.setRangeText(`{{ ${button.dataset.variable} }}`, body.selectionStart, body.selectionEnd, "end");
    body.focus();
    later();
  });
}
ask();
