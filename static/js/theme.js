// Runs before the page is painted, so large type does not jump in; therefore a plain blocking script.
(function () {
  try {
    if (localStorage.getItem("daiban-type") === "large") document.documentElement.classList.add("large-type");
  } catch (blocked) {
    document.documentElement.dataset.storage = "none";
  }
  document.documentElement.classList.add("has-js");
  document.addEventListener("click", function (event) {
    const button = event.target.closest && event.target.closest("[data-large-type]");
    if (!button) return;
    const large = document.documentElement.classList.toggle("large-type");
    button.setAttribute("aria-pressed", String(large));
    try {
      localStorage.setItem("daiban-type", large ? "large" : "normal");
    } catch (blocked) {
      // Private windows forbid storage: the choice then holds for this page only.
      document.documentElement.dataset.storage = "none";
    }
  });
  document.addEventListener("DOMContentLoaded", function () {
    const large = document.documentElement.classList.contains("large-type");
    for (const button of document.querySelectorAll("[data-large-type]")) button.setAttribute("aria-pressed", String(large));
  });
})();
