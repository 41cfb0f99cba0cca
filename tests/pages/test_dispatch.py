"""后台分类审批: what the counter took in lies before the back office by category, the most urgent first, with who has it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from models.base import at_time, now
from tests.services.fertility import accepted


@pytest.mark.req("S1-07", "S1-08")
def test_the_inbox_is_sorted_by_category_and_by_what_is_left(session, actor, client_as):
    with at_time(now() - timedelta(days=2)):
        older = accepted(session, actor)
    newer = accepted(session, actor)
    session.commit()
    page = "/places/dongxin-centre/inbox"
    reviewer = client_as("reviewer")
    shown = reviewer.get(f"{page}?category=family_planning").text
    assert "按事项类别筛选办件" in shown and shown.index(older.number) < shown.index(newer.number)
    assert "没人接手" in shown
    # Taken by one colleague, it stands under that name for the others.
    claimed = reviewer.post(f"/c/{older.uid}/office/claim", data={"version": older.version})
    assert claimed.status_code == 303, claimed.status_code
    assert "陆文斌在办" in client_as("approver").get(f"{page}?category=family_planning").text
    for wrong in ("nonsense", "' or 1=1", "other"):
        answer = reviewer.get(page, query_string={"category": wrong})
        assert answer.status_code == 200 and newer.number in answer.text
    assert client_as("neighbour.clerk").get(f"{page}?category=family_planning").status_code == 404
