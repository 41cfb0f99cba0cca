"""The days a page of figures is asked for."""

from __future__ import annotations

from datetime import date

from flask import request

from process.refusals import InvalidInput
from services import coverage, grid_rights


def asked_period() -> tuple[date, date, str]:
    """First and last day, and what was wrong with the days typed: then the usual period is shown beside the sentence."""
    try:
        since, until = (grid_rights.day(request.args.get(name, ""), name) for name in ("since", "until"))
    except InvalidInput as refusal:
        return *coverage.period(None, None), refusal.detail
    return *coverage.period(since, until), ""
