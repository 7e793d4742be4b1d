"use strict";
// The page reads well without this: it adds filters, and opens what a link leads to.
(() => {
  const open = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    if (!target) return;
    for (let at = target; at; at = at.parentElement) {
      if (at.tagName === "DETAILS") at.open = true;
    }
    target.scrollIntoView({ block: target.tagName === "TR" ? "center" : "start" });
  };
  addEventListener("hashchange", open);
  open();

  const filters = document.querySelector(".filters");
  if (!filters) return;
  filters.hidden = false;
  filters.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    for (const b of filters.children) b.setAttribute("aria-pressed", String(b === button));
    for (const row of document.querySelectorAll("[data-verdict]")) {
      row.hidden = button.dataset.show !== "" && row.dataset.verdict !== button.dataset.show;
    }
  });
  // On paper nothing can be opened.
  addEventListener("beforeprint", () => {
    for (const d of document.querySelectorAll("details:not(.timeline)")) d.open = true;
  });
})();
