"use strict";
(() => {
  const where = document.getElementById("where");
  document.addEventListener("click", (event) => {
    const n = event.target.closest("data.n");
    where.hidden = !n;
    if (n) where.textContent = n.textContent.trim() + " — " + n.title;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") where.hidden = true;
  });
  addEventListener("beforeprint", () => {
    for (const d of document.querySelectorAll("details.reason:not([open]), details.pairs:not([open])")) { d.open = true; d.dataset.shut = ""; }
  });
  addEventListener("afterprint", () => {
    for (const d of document.querySelectorAll("details[data-shut]")) { d.open = false; delete d.dataset.shut; }
  });
})();
