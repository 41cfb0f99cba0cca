// The button that opens the printer's dialog.
for (const button of document.querySelectorAll("[data-print]")) button.addEventListener("click", () => window.print());
