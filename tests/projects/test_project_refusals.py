"""Wrong roles, other people's addresses and hostile words: each is told something useful, nothing moves."""

from __future__ import annotations

import pytest

from tests.projects.conftest import Street

HOSTILE = "<script>alert(1)</script>"


def test_strangers_find_no_project_no_row_no_meeting(street: Street) -> None:
    uid = street.listed()
    row = street.row(uid, "project_filing").uid
    for who in ("neighbour.clerk", "water.clerk", "resident", "admin"):
        for address in (
            f"/projects/{uid}",
            f"/projects/{uid}/step/prepare",
            f"/projects/{uid}/assign",
            f"/projects/{uid}/hand-over",
            f"/projects/{uid}/stop",
            f"/projects/{uid}/meetings/new",
            f"/projects/{uid}/rows/{row}/done",
            f"/projects/{uid}/rows/{row}/link",
        ):
            assert street.by(who).get(address).status_code == 404, (who, address)
            assert street.post(who, address).status_code in (404, 405), (who, address)
        assert street.post(who, f"/projects/{uid}/go-on").status_code == 404
    assert street.row(uid, "project_filing").state == "open"


def test_a_row_is_reached_through_its_own_project_only(street: Street) -> None:
    first, second = street.listed(), street.listed(name="第二个")
    row = street.row(first, "project_filing").uid
    assert street.post("manager", f"/projects/{second}/rows/{row}/file").status_code == 404
    assert street.post("manager", f"/projects/{first}/rows/{row}/vanish").status_code == 404
    assert street.row(first, "project_filing").state == "open"


def test_without_signing_in_nothing_opens(street: Street, app) -> None:
    uid = street.begin()
    for address in ("/projects/", f"/projects/{uid}", "/projects/load", "/projects/six", "/projects/charts"):
        assert app.test_client().get(address).status_code in (302, 303, 401), address


def test_hostile_words_are_words_and_what_was_typed_stays(street: Street) -> None:
    uid = street.begin(name=HOSTILE, enterprise='" onmouseover="x')
    street.step("manager", uid, "claim")
    assert street.step("manager", uid, "list_items", checklist_items=HOSTILE).status_code == 303
    page = street.page("manager", uid)
    assert HOSTILE not in page and "&lt;script&gt;" in page
    street.step("manager", uid, "prepare")
    long = street.do("manager", uid, "social_risk", "drop", words="长" * 400)
    assert long.status_code == 422 and "最多 300 个字" in long.text and "长" * 400 in long.text
    lone = street.do("manager", uid, "social_risk", "drop", words="a\ud800".encode("utf-8", "surrogatepass"))
    assert lone.status_code in (303, 400, 422)
    many = street.post(
        "manager", f"/projects/{uid}/meetings/new", rows=["x"] * 3, subject=HOSTILE, venue="", held_on="2026-02-30"
    )
    assert many.status_code == 422 and "请填写开会地点" in many.text and HOSTILE not in many.text


@pytest.mark.parametrize("items", ["\n".join(f"事项{n}" for n in range(21)), "长" * 61])
def test_too_many_or_too_long_items_are_refused_with_what_was_typed(street: Street, items: str) -> None:
    uid = street.begin()
    street.step("manager", uid, "claim")
    answer = street.step("manager", uid, "list_items", checklist_items=items)
    assert answer.status_code == 422 and items.splitlines()[0] in answer.text
    assert street.project(uid).state == "claimed"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"days": "0"}, "1 到 200"),
        ({"days": "1e9"}, "1 到 200"),
        ({"stage": "nowhere"}, "请选择阶段"),
        ({"agency": "nobody"}, "没有这个单位"),
        ({"after": ["nothing"]}, "流程图里没有"),
        ({"name": ""}, "请填写事项名称"),
        ({"materials": "长" * 61}, "每份最多 60 个字"),
    ],
)
def test_a_chart_refuses_nonsense_and_stays_as_it_was(street: Street, row: dict[str, object], words: str) -> None:
    good: dict[str, object] = {"name": "文物审查", "stage": "land", "department": "文物", "days": "5", "change": "加"}
    answer = street.post("admin", "/projects/charts/enterprise/row", **{**good, **row})
    assert answer.status_code == 422 and words in answer.text
    assert "随系统带的" in street.by("admin").get("/projects/charts").text
    assert street.by("admin").get("/projects/charts/nothing").status_code == 404


def test_a_link_needs_a_case_one_may_see_and_ends_the_item_with_it(street: Street, client_as) -> None:
    from sqlalchemy import select

    from models.case import Case
    from tests.projects.conftest import hired

    uid = street.listed()
    row = street.row(uid, "social_risk").uid
    address = f"/projects/{uid}/rows/{row}/link"
    for number in ("", "DX-2026-999999", "' OR 1=1 --", "x" * 500):
        wrong = street.post("manager", address, linked=number)
        assert wrong.status_code == 422 and "没有找到这个编号" in wrong.text
    assert street.session.scalars(select(Case)).all() == []
    # Somebody who works at the window as well sees the case and may link it.
    from services import actions
    from tests.projects.test_project_pages import actor_of

    both = hired(street.session, "both", "window_clerk", "dongxin")
    from models.person import Grant

    street.session.add(Grant(person_id=both.id, role="project_manager", place_id="dongxin", place_path=both.unit.path))
    street.session.commit()
    case = actions.create(
        street.session,
        actor_of(street, "both"),
        "case",
        {
            "item": "senior_card",
            "place": "dongxin-centre",
            "applicant": {
                "name": "林若琳",
                "id_number": "11010519491231002X",
                "phone": "13800000098",
                "address": "杭州市下城区文晖路示例1幢1单元101室",
            },
        },
    )
    street.session.commit()
    number, case_uid = case.number, case.uid
    linked = street.post("both", address, linked=number)
    assert linked.status_code == 303, linked.text
    assert number in street.page("both", uid)
    assert street.post("both", address, linked=number).status_code == 303
    other = street.row(uid, "project_filing").uid
    twice = street.post("both", f"/projects/{uid}/rows/{other}/link", linked=number)
    assert twice.status_code == 422 and "一件只能关联一项" in twice.text
    ended = street.session.scalars(select(Case).where(Case.uid == case_uid)).one()
    actions.perform(ended, "withdraw", actor_of(street, "both"), {"comment": "申请人不办了"})
    street.session.commit()
    assert street.row(uid, "social_risk").state == "refused"
