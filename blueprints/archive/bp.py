"""归档: one blueprint, its tabs, and what is told of a file that was rightly destroyed."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from blueprints import errors, present
from blueprints.context import current_actor, db_session
from models.archive import ArchiveEntry
from models.base import now
from process import clock
from process.access import Actor
from process.refusals import NotFound
from process.words import N_
from services.archive import disposal, retention, shelf

bp = Blueprint("archive", __name__, url_prefix="/archive")
KEEPERS = shelf.ARCHIVISTS
EVERYBODY = shelf.ARCHIVISTS | disposal.SECONDS
_KEY = re.compile(r"[0-9a-f]{64}\Z")
WORDS = {
    shelf.WAITING: (N_("正在生成"), "waiting"),
    shelf.BUILT: (N_("已生成，待移交"), "running"),
    shelf.FAILED: (N_("没有生成"), "late"),
    shelf.RECEIVED: (N_("档案部门已接收"), "done"),
    shelf.DESTROYED: (N_("已按规定销毁"), "waiting"),
}
CLASSES = {"permanent": N_("永久"), "30y": N_("30年"), "10y": N_("10年")}


def keeper(roles: frozenset[str] = KEEPERS) -> Actor:
    """Whoever acts, if one of these roles is theirs; to everybody else the page does not exist."""
    actor = current_actor()
    if roles.isdisjoint(actor.roles):
        raise NotFound()
    return actor


def tabs(here: str) -> list[Any]:
    """The pages of the archive that this person has something to do on."""
    session, actor = db_session(), current_actor()
    counted = shelf.counts(session, actor)
    mine = not KEEPERS.isdisjoint(actor.roles)
    pages = (
        ("archive.index", _("待归档"), mine, None),
        ("archive.packages", _("归档包"), mine, counted.get(shelf.FAILED)),
        ("archive.receipts", _("移交和回执"), mine, counted.get(shelf.BUILT)),
        ("archive.disposals", _("到期销毁"), True, None),
        ("archive.check", _("核验归档包"), mine, None),
    )
    return [
        SimpleNamespace(label=label, url=url_for(endpoint), active=endpoint == here, count=count or None)
        for endpoint, label, shown, count in pages
        if shown
    ]


def kept(entry: ArchiveEntry) -> str:
    """30年（至 2056年12月31日）"""
    name = _(CLASSES[entry.retention])
    return _("%(name)s（至 %(day)s）", name=name, day=present.full_day(entry.keep_until)) if entry.keep_until else name


def row(entry: ArchiveEntry) -> Any:
    """One dossier as the lists show it."""
    label, tone = WORDS[entry.status]
    return SimpleNamespace(
        uid=entry.uid,
        number=entry.number,
        case=entry.case.number or entry.case.title,
        title=entry.case.title,
        unit=entry.unit.name,
        year=entry.year,
        kept=kept(entry),
        label=_(label),
        tone=tone,
        problem=entry.problem,
        sha=(entry.package_sha256 or "")[:16],
        size=size(entry.package_size),
        built=present.moment(entry.built_at) if entry.built_at else "",
        receipt=entry.receipt,
        over=entry.status == shelf.RECEIVED and retention.is_over(entry, clock.local_day(now())),
        url=url_for("archive.case", uid=entry.case.uid),
    )


def size(count: int | None) -> str:
    if not count:
        return ""
    return f"{count / 1024 / 1024:.1f} MB" if count >= 1 << 20 else f"{count / 1024:.0f} KB"


@bp.app_errorhandler(FileNotFoundError)
def gone(error: FileNotFoundError) -> ResponseReturnValue:
    """A stored file that is not there: destroyed after its time, or a fault of the store. Any other file is a fault of ours."""
    if not error.args or not _KEY.match(str(error.args[0])):
        raise error
    detail = _("这个文件的内容已经不在系统里：可能已按规定销毁，经过和校验值仍在。没有销毁过的，请管理员从备份恢复。")
    if errors.wants_json():
        return errors.problem(410, "gone", _("文件已不在"), detail)
    return errors.page(410, detail)
