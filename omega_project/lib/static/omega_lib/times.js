/* Times in the viewer's own zone, on every page of the admin; and questions before what cannot be undone. */
(() => {
  const browsers = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const chosen = document.querySelector("meta[name=omega-zone]");
  const timeZone = (chosen && chosen.content) || browsers;
  const page = document.documentElement.lang;
  const language = page && !navigator.language.startsWith(page.slice(0, 2)) ? page : undefined;
  const full = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium", timeZone });
  const short = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short", timeZone });
  const clock = new Intl.DateTimeFormat(language, { timeStyle: "short", timeZone });
  // The server writes times in forms: it goes by this where nobody chose a zone.
  const known = document.cookie.split("; ").find((one) => one.startsWith("omega_zone="));
  if (browsers && known !== `omega_zone=${browsers}`) {
    document.cookie = `omega_zone=${browsers}; path=/admin/; max-age=31536000; SameSite=Lax`;
  }

  function localise(root) {
    for (const time of root.querySelectorAll("time[datetime]:not([data-local])")) {
      const at = new Date(time.dateTime);
      if (Number.isNaN(at.getTime())) continue;
      time.dataset.local = "";
      time.title = full.format(at);
      if (time.matches(".om-clock")) time.textContent = clock.format(at);
      if (time.matches(".om-when")) time.textContent = short.format(at);
    }
  }

  document.addEventListener("DOMContentLoaded", () => localise(document));
  document.addEventListener("omega:changed", (event) => localise(event.target));
  document.addEventListener("submit", (event) => {
    const question = event.target.dataset ? event.target.dataset.ask : "";
    if (question && !window.confirm(question)) event.preventDefault();
  });
})();
