/* Times in the viewer's own zone, on every page of the admin; and questions before what cannot be undone. */
(() => {
  const full = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
  const short = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });

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
