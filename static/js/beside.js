// The scan stands beside the list while it is ticked: a click on a picture shows it there; on a narrow screen it opens by itself.
(() => {
  const pane = document.getElementById('beside');
  if (!pane) return;
  const wide = matchMedia('(min-width: 1180px)');
  const picture = pane.querySelector('img');
  const show = (link) => {
    picture.src = link.href;
    picture.alt = link.dataset.beside;
    pane.querySelector('a').href = link.href;
    pane.querySelector('.beside__name').textContent = link.dataset.beside;
    pane.hidden = false;
    document.body.classList.add('has-beside');
  };
  const links = [...document.querySelectorAll('a[data-beside]')];
  for (const link of links) {
    link.addEventListener('click', (event) => {
      if (!wide.matches || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      show(link);
    });
    // Whoever goes through the ticks by keyboard sees the scan of the line they are on.
    link.closest('.check')?.addEventListener('focusin', () => wide.matches && show(link));
  }
  if (links.length && wide.matches) show(links[0]);
})();
