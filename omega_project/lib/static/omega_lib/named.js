/* The box of a search-and-choose field, by the name that its label has: Select2 names it by its empty self. */
(() => {
  function name() {
    for (const select of document.querySelectorAll("select.select2-hidden-accessible")) {
      const label = select.labels[0];
      const box = select.nextElementSibling?.querySelector("[role=combobox]");
      if (!label || !box) continue;
      label.id ||= `label-of-${select.id}`;
      const shown = box.querySelector(".select2-selection__rendered");
      box.setAttribute("aria-labelledby", shown ? `${label.id} ${shown.id}` : label.id);
      if (shown?.getAttribute("role") === "textbox") shown.setAttribute("aria-labelledby", label.id);
    }
  }
  document.addEventListener("DOMContentLoaded", () => {
    if (!document.querySelector("select.admin-autocomplete")) return;
    name();
    new MutationObserver(name).observe(document.body, { childList: true, subtree: true });
  });
})();
