"""An office with definitions of its own beside those of the product."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask

from app import create_app
from config import Settings
from extensions import db
from process.clock import forget_calendar
from process.library import library
from tests import conftest as common


@contextmanager
def with_processes(folder: Path, installed: Path, processes: Path) -> Iterator[Flask]:
    """The application on a copy of the installed database, started with the two files of `processes`."""
    shutil.copy(installed, folder / "daiban.db")
    forget_calendar()
    made = create_app(Settings(**{**vars(common.settings(folder)), "processes": processes}))
    made.config.update(TESTING=True, WTF_CSRF_ENABLED=False, RATELIMIT_ENABLED=False)
    with made.app_context():
        library.store(db.session())
        db.session.commit()
    yield made
    with made.app_context():
        db.session.remove()
        db.engine.dispose()
