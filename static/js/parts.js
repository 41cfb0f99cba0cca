// Parts of a page fetched by htmx: a lost session or a refusal must show its whole page, never an empty hole.
export function watchParts(startElements) {
  document.addEventListener("htmx:before:swap", (event) => {
    const answer = event.detail.ctx.response && event.detail.ctx.response.raw;
    if (!answer || !answer.redirected) return;
    event.preventDefault();
    location.assign(answer.url);
  });
  for (const trouble of ["htmx:response:error", "htmx:error"]) {
    document.addEventListener(trouble, (event) => {
      const source = event.detail.ctx && event.detail.ctx.sourceElement;
      if (source && source.href) location.assign(source.href);
    });
  }
  document.addEventListener("htmx:after:swap", startElements);
}
