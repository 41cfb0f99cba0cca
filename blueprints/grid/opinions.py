"""民意箱: what residents say, by category, and what became of it."""

from __future__ import annotations

from types import SimpleNamespace

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from flask_login import login_required

from blueprints import present
from blueprints.context import current_actor, db_session
from blueprints.grid import words
from blueprints.grid.bp import bp
from blueprints.grid.period import asked_period
from process.library import library
from process.refusals import NotFound
from services import generic, grid_rights, opinions


@bp.get("/opinions")
@login_required
def opinion_box() -> ResponseReturnValue:
    """Counts by category with the answered share, and the entries."""
    session, actor = db_session(), current_actor()
    if not grid_rights.works_in_office(actor):
        raise NotFound()
    since, until, wrong = asked_period()
    chosen = request.args.get("category", "")[:20]
    counts = opinions.counted(session, actor, since, until)
    rows = opinions.listed(session, actor, since, until, chosen)
    language = str(get_locale())
    titles = {c.category: c.title.text(language) for c in counts}
    return render_template(
        "grid/opinions.html",
        counts=[
            SimpleNamespace(
                category=c.category,
                title=titles[c.category],
                all=c.all,
                forwarded=c.forwarded,
                answered=words.share(c.answered, c.all),
            )
            for c in counts
        ],
        total=words.share(sum(c.answered for c in counts), sum(c.all for c in counts)),
        rows=[
            SimpleNamespace(
                row=present.row(session, c, actor),
                category=titles.get((c.fields or {}).get(opinions.FIELD, ""), ""),
                when=present.day(c.created_at),
            )
            for c in rows
        ],
        chosen=chosen if chosen in titles else "",
        titles=titles,
        since=since.isoformat(),
        until=until.isoformat(),
        wrong=wrong,
        new_url=url_for("generic.new", type_id=opinions.TYPE)
        if generic.may_start(actor, library.type(opinions.TYPE))
        else None,
    )
