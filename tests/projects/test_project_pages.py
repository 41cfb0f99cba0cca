"""A project from the list to the acceptance, pressed on the pages: claim, chart, side by side, meeting, clock, six rules."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from jobs import worker
from models.base import at_time, now
from models.clock import ClockRun
from models.ledger import JournalEntry, OutboxItem
from models.notice import Notice
from models.paper import Paper
from models.project import ProjectMeeting, ProjectPerson, ProjectRow
from models.task import Task
from process import clock, watching
from services.projects import charts, clocks, rows
from tests.projects.conftest import Street

BEFORE_WORKS = 22


@pytest.mark.req("S4-26")
@pytest.mark.req("S3-23")
def test_a_project_is_claimed_from_the_list_and_one_person_has_all_three_capacities(street: Street) -> None:
    uid = street.begin()
    listed = street.by("manager").get("/projects/?show=claim").text
    assert "示例厂房" in listed and f"/projects/{uid}/step/claim" in listed
    assert "您现在带 0 个项目" in street.by("delegate").get(f"/projects/{uid}/step/claim").text
    assert street.step("delegate", uid, "claim").status_code == 303
    late = street.step("manager", uid, "claim")
    assert late.status_code == 409 and "示例delegate已于" in late.text
    page = street.page("manager", uid)
    for capacity in ("经办", "协调", "联络"):
        assert f"{capacity}：示例delegate" in page
    held = street.session.scalars(select(ProjectPerson).where(ProjectPerson.until.is_(None))).all()
    assert {one.capacity for one in held} == {"handler", "coordinator", "liaison"}
    assert len({one.person_id for one in held}) == 1


@pytest.mark.req("S4-26")
def test_the_owner_sees_progress_and_whom_to_call(street: Street, person) -> None:
    own = person("resident")
    uid = street.begin()
    project = street.project(uid)
    own.resident_id = project.applicant_id
    street.session.commit()
    for name in ("claim", "list_items", "prepare"):
        street.step("manager", uid, name)
    page = street.page("resident", uid)
    assert "示例manager" in page and "tel:13800000000" in page and "建设用地规划许可" in page
    assert "移交" not in page and f"/projects/{uid}/rows/" not in page and f"/projects/{uid}/stop" not in page
    assert "示例厂房" in street.by("resident").get("/projects/").text
    assert street.do("resident", uid, "project_filing", "file").status_code == 403
    assert street.by("resident").get("/projects/load").status_code == 403


@pytest.mark.req("S4-28")
def test_the_list_is_drawn_from_the_chart_with_27_items_and_says_what_waits(street: Street) -> None:
    uid = street.begin()
    street.step("manager", uid, "claim")
    assert "还没有事项清单" in street.page("manager", uid)
    assert (
        street.step("manager", uid, "list_items", checklist_items="古树名木保护审查\n河道管理范围审查").status_code
        == 303
    )
    project = street.project(uid)
    own = street.session.scalars(select(ProjectRow).where(ProjectRow.content_id == project.id)).all()
    assert len(own) == 29 and sum(row.key.startswith("own_") for row in own) == 2
    assert project.fields["chart_version"] == "enterprise/0"
    page = street.page("manager", uid)
    assert "古树名木保护审查" in page and "要等：" in page and "<svg" in page and "示例" in page
    assert "下城区自然资源局" in page and "材料：用地预审申请表、勘测定界图" in page
    # The department sees it from now on, another town's staff does not.
    assert street.by("resources").get(f"/projects/{uid}").status_code == 200
    assert street.by("neighbour.clerk").get(f"/projects/{uid}").status_code == 404


@pytest.mark.req("S4-28")
@pytest.mark.req("S3-21")
def test_what_waits_is_not_filed_and_departments_answer_for_themselves(street: Street) -> None:
    uid = street.listed()
    early = street.do("manager", uid, "land_permit", "file")
    assert early.status_code == 303
    assert "要等“项目立项（备案、核准或建议书审批）”、“用地预审意见”、“规划选址意见”" in street.page("manager", uid)
    assert street.row(uid, "land_permit").state == "open"
    for key in ("land_pre", "site", "project_filing"):
        street.do("manager", uid, key, "file")
    # Somebody speaks for natural resources, so the manager does not.
    assert street.do("manager", uid, "land_pre", "done").status_code == 403
    assert street.do("development", uid, "land_pre", "done").status_code == 403
    assert "用地预审意见" in street.by("resources").get("/projects/").text
    assert street.do("resources", uid, "land_pre", "refuse").status_code == 422
    assert street.do("resources", uid, "land_pre", "refuse", words="界址不清").status_code == 303
    refused = street.row(uid, "land_pre")
    assert refused.state == "refused" and "界址不清" in street.page("manager", uid)
    street.do("manager", uid, "land_pre", "file")
    street.do("resources", uid, "land_pre", "done", words="示例预审〔2026〕1号")
    for key in ("site", "project_filing"):
        assert street.do("development", uid, key, "done").status_code == 303
    assert street.do("manager", uid, "land_permit", "file").status_code == 303
    running = street.row(uid, "land_permit")
    today = clock.local_day(now())
    assert running.state == "running" and running.started_on == today
    assert running.due_on == clock.calendar(street.session).add_working_days(today, 7)
    # An acceptance is not filed before the works are ready.
    acceptance = street.do("manager", uid, "fire_check", "file")
    assert acceptance.status_code == 409 and "要等项目可开工以后" in acceptance.text


@pytest.mark.req("S3-21")
def test_side_by_side_saves_sixty_percent_and_a_meeting_covers_two_departments(street: Street) -> None:
    uid = street.listed()
    chart = charts.in_force(street.session, "xiacheng", "enterprise")
    plan = charts.saving(charts.approving(chart))
    assert plan.together <= 50 and plan.percent >= 60
    shown = street.page("manager", uid)
    assert f"省 {plan.percent}%" in shown and "示例：天数和先后按编出来的流程图算" in shown
    street.step("manager", uid, "file_together")
    filed = street.session.scalar(
        select(func.count())
        .select_from(ProjectRow)
        .where(ProjectRow.state == "running", ProjectRow.after_works.is_(False))
    )
    assert filed == 6
    form = street.by("manager").get(f"/projects/{uid}/meetings/new").text
    assert "用地预审意见" in form and "规划选址意见" in form
    both = [street.row(uid, key).uid for key in ("land_pre", "site")]
    today = clock.local_day(now()).isoformat()
    alone = street.post(
        "manager", f"/projects/{uid}/meetings/new", rows=both[:1], subject="会审", venue="会议室", held_on=today
    )
    assert alone.status_code == 422 and "至少两项" in alone.text and "会议室" in alone.text
    same = [street.row(uid, key).uid for key in ("site", "energy")]
    one_office = street.post(
        "manager", f"/projects/{uid}/meetings/new", rows=same, subject="会审", venue="会议室", held_on=today
    )
    assert one_office.status_code == 422 and "同一个部门" in one_office.text
    made = street.post(
        "manager",
        f"/projects/{uid}/meetings/new",
        rows=both,
        subject="土地和规划会审",
        venue="三楼会议室",
        held_on=today,
    )
    assert made.status_code == 303
    meeting = street.session.scalars(select(ProjectMeeting)).one()
    told = street.session.scalars(select(Notice.unit_id).where(Notice.kind == "project:meeting")).all()
    assert set(told) == {"xc-resources", "xc-development"}
    open_minute = street.post("manager", f"/projects/meetings/{meeting.uid}/minute")
    assert open_minute.status_code == 409 and "请先登记会审情况" in open_minute.text
    early = street.post("resources", f"/projects/meetings/{meeting.uid}/sign", answer="confirmed")
    assert early.status_code == 409 and "没有可签认的纪要" in early.text
    nothing = street.post("manager", f"/projects/meetings/{meeting.uid}/hold", conclusion="同意")
    assert nothing.status_code == 422 and "请写明谁参加了会审" in nothing.text
    held = {f"verdict_{key}": "agree" for key in both} | {
        "attendees": "自然资源局 王\n发改局 李",
        "conclusion": "两项同时通过",
    }
    assert street.post("manager", f"/projects/meetings/{meeting.uid}/hold", **held).status_code == 303
    assert {street.row(uid, key).state for key in ("land_pre", "site")} == {"done"}
    again = street.post("manager", f"/projects/meetings/{meeting.uid}/hold", **held)
    assert again.status_code == 409 and "已开" in again.text
    page = street.page("manager", uid)
    assert "两项同时通过" in page and "合并办比逐个办少 8 个工作日（示例：按编出来的流程图算）" in page
    for who in ("resources", "development"):
        assert street.post(who, f"/projects/meetings/{meeting.uid}/sign", answer="confirmed").status_code == 303
    # The minute is made once by its button, however often it is pressed.
    for _ in range(2):
        assert street.post("manager", f"/projects/meetings/{meeting.uid}/minute").status_code == 303
    paper = street.session.scalars(select(Paper)).one()
    assert paper.paper == "joint_minute" and [row["verdict"] for row in paper.data["opinions"]] == ["同意", "同意"]
    assert street.by("resources").get(f"/projects/meetings/{meeting.uid}/paper").status_code == 200
    assert street.by("neighbour.clerk").get(f"/projects/meetings/{meeting.uid}/paper").status_code == 404


def settle_all(street: Street, uid: str) -> None:
    """Every approval in the order of the chart, each answered by whoever may."""
    project = street.project(uid)
    own = [
        row
        for row in street.session.scalars(
            select(ProjectRow).where(ProjectRow.content_id == project.id).order_by(ProjectRow.position)
        )
        if not row.after_works
    ]
    todo = [row.key for row in own]
    while todo:
        for key in list(todo):
            row = street.row(uid, key)
            everything = street.session.scalars(select(ProjectRow).where(ProjectRow.content_id == row.content_id)).all()
            if row.state == "open" and rows.waits_for(row, everything):
                continue
            if row.state == "open":
                street.do("manager", uid, key, "file")
            who = {"xc-resources": "resources", "xc-development": "development"}.get(row.agency_id or "", "manager")
            answer = street.do(who, uid, key, "done", words="同意")
            assert answer.status_code == 303, answer.text
            todo.remove(key)


@pytest.mark.req("S3-21")
@pytest.mark.req("S3-23")
@pytest.mark.req("S3-24")
def test_a_project_goes_to_its_end_with_one_delegate_and_the_clock_stops_when_it_may_be_built(street: Street) -> None:
    uid = street.listed()
    run = street.session.scalars(select(ClockRun)).one()
    assert run.working_days == 50 and run.stopped_on is None
    street.step("manager", uid, "file_together")
    assert street.project(uid).state == "parallel"
    asked = set(street.session.scalars(select(Task.place_id).where(Task.state == "open")))
    assert {"xc-resources", "xc-development", "xc-construction"} <= asked
    settle_all(street, uid)
    done = street.project(uid)
    assert done.state == "construction_ready"
    assert street.session.scalars(select(ClockRun)).one().stopped_on is not None
    assert street.project(uid).assignee.username == "manager"
    assert street.do("manager", uid, "lightning_check", "file").status_code == 303
    assert street.row(uid, "lightning_check").state == "running"
    assert street.step("delegate", uid, "accept", acceptance="全部合格").status_code == 303
    assert street.step("manager", uid, "close").status_code == 303
    assert street.project(uid).closed_at is not None
    assert "/step/" not in street.page("manager", uid)
    again = street.do("manager", uid, "fire_check", "file")
    assert again.status_code == 403


@pytest.mark.req("S3-24")
@pytest.mark.parametrize(("funding", "days"), [("enterprise", 50), ("government", 100)])
def test_the_clock_runs_by_kind_and_warns_before_the_limit(street: Street, funding: str, days: int) -> None:
    uid = street.listed(funding=funding)
    project = street.project(uid)
    run = clocks.run_of(street.session, project)
    assert run is not None and run.working_days == days
    due = clock.calendar(street.session).add_working_days(clock.local_day(now()), days)
    assert run.due_on == due and project.deadline == clock.end_of(due)
    assert f"还剩 {days} 个工作日" in street.by("manager").get("/projects/").text
    row = street.session.scalars(
        select(OutboxItem).where(OutboxItem.job == watching.JOB).order_by(OutboxItem.id.desc()).limit(1)
    ).one()
    assert datetime.fromisoformat(row.args["deadline"]) == project.deadline
    # Four fifths of the way the worker looks, well before the limit, and whoever has it hears of it.
    with at_time(row.available_at + timedelta(minutes=1)):
        assert worker.do(street.session, row.id) == "done"
        left = clocks.left(street.session, street.project(uid), clock.local_day(now()))
    assert left is not None and 0 < left <= days * 0.2 + 1
    told = street.session.scalars(select(Notice).where(Notice.content_id == project.id)).all()
    assert project.assignee_id in {notice.person_id for notice in told}


@pytest.mark.req("S3-24")
def test_the_clock_stands_still_while_somebody_waits_for_the_owner_and_gives_the_days_back(street: Street) -> None:
    uid = street.listed()
    before = street.project(uid).deadline
    assert before is not None
    empty = street.post("manager", f"/projects/{uid}/stop")
    assert empty.status_code == 422 and "请选择停表的原因" in empty.text
    assert street.post("resources", f"/projects/{uid}/stop", ground="owner", words="等图").status_code == 403
    assert street.post("manager", f"/projects/{uid}/stop", ground="owner", words="等业主补勘界图").status_code == 303
    assert street.project(uid).deadline is None
    page = street.page("manager", uid)
    assert "停表" in page and "等业主补勘界图" in page and "停表" in street.by("manager").get("/projects/").text
    twice = street.post("manager", f"/projects/{uid}/stop", ground="owner", words="再停")
    assert twice.status_code == 409 and "已经停着" in twice.text
    # Another step meanwhile does not start it again.
    assert street.step("manager", uid, "file_together").status_code == 303
    assert street.project(uid).deadline is None
    with at_time(now() + timedelta(days=14)):
        project = street.project(uid)
        days = clock.calendar(street.session)
        clocks.go_on(street.session, actor_of(street, "manager"), project)
        street.session.commit()
        run = clocks.run_of(street.session, street.project(uid))
        assert run is not None
        stood = run.pauses[0]
        given_back = days.working_days_between(stood.started_on, stood.ended_on)
        assert days.working_days_between(clock.local_day(before), run.due_on) == given_back > 0
        assert street.project(uid).deadline == clock.end_of(run.due_on)


def actor_of(street: Street, username: str):
    from models.person import Person
    from process.access import load_actor

    person = street.session.scalars(select(Person).where(Person.username == username)).one()
    return load_actor(street.session, person.id, clock.local_day(now()))


@pytest.mark.req("S4-29")
def test_assignment_shows_load_and_an_old_factory_has_its_own_chart(street: Street) -> None:
    for number in range(5):
        uid = street.begin(name=f"旧厂房{number}", programme="renovation")
        page = street.by("manager").get(f"/projects/{uid}/assign").text
        assert f"在办 {number} 个项目" in page and "上限 4 个" in page
        made = street.post("manager", f"/projects/{uid}/assign", person="delegate")
        assert made.status_code == 303
    assert "超过了 4 个" in street.by("manager").get(f"/projects/{uid}").text
    assert "已到上限" in street.by("manager").get(f"/projects/{street.begin()}/assign").text
    load = street.by("manager").get("/projects/load").text
    assert "超过上限" in load and "示例delegate" in load
    wrong = street.post("manager", f"/projects/{street.begin()}/assign", person="window.clerk")
    assert wrong.status_code == 422 and "不是这里的项目经理或代办员" in wrong.text
    street.step("manager", uid, "list_items")
    assert street.session.scalar(
        select(func.count()).select_from(ProjectRow).where(ProjectRow.content_id == street.project(uid).id)
    ) == len(charts.in_force(street.session, "xiacheng", "renovation").rows)


@pytest.mark.req("S4-26")
def test_hand_over_names_whom_what_and_why(street: Street) -> None:
    uid = street.listed()
    street.do("manager", uid, "project_filing", "file")
    missing = street.post("manager", f"/projects/{uid}/hand-over", person="delegate", capacity="liaison")
    assert missing.status_code == 422 and "请写明为什么移交" in missing.text and "checked" in missing.text
    outside = street.post(
        "manager", f"/projects/{uid}/hand-over", person="window.clerk", capacity="liaison", reason="x"
    )
    assert outside.status_code == 422
    assert (
        street.post(
            "delegate", f"/projects/{uid}/hand-over", person="delegate", capacity="handler", reason="我来"
        ).status_code
        == 403
    )
    assert (
        street.post(
            "manager", f"/projects/{uid}/hand-over", person="delegate", capacity="liaison", reason="住得近"
        ).status_code
        == 303
    )
    page = street.page("manager", uid)
    assert (
        "联络：示例delegate" in page and "经办：示例manager" in page and "住得近" not in page.partition("以前谁办")[0]
    )
    whole = {"person": "manager.b", "capacity": ["handler", "coordinator"], "reason": "调岗"}
    assert street.post("district.manager", f"/projects/{uid}/hand-over", **whole).status_code == 303
    project = street.project(uid)
    assert (
        project.assignee.username == "manager.b" and street.row(uid, "project_filing").person_id == project.assignee_id
    )
    told = street.session.scalars(select(Notice).where(Notice.kind == "project:hand_over")).all()
    assert project.assignee_id in {one.person_id for one in told}
    said = street.session.scalars(select(JournalEntry).where(JournalEntry.action == "project:hand_over")).all()
    assert [one.comment for one in said] == ["住得近", "调岗"]


@pytest.mark.req("S4-28")
def test_an_administrator_changes_the_chart_by_a_page_and_old_lists_stay(street: Street) -> None:
    old = street.listed()
    assert "加事项" in street.by("admin").get("/projects/charts/enterprise").text
    assert "加事项" not in street.by("manager").get("/projects/charts/enterprise").text
    row = {"name": "文物保护审查", "stage": "land", "department": "文物", "days": "6", "materials": "调查报告"}
    assert street.post("manager", "/projects/charts/enterprise/row", **row, change="加一项").status_code == 404
    silent = street.post("admin", "/projects/charts/enterprise/row", **row)
    assert silent.status_code == 422 and "请写明这一版改了什么" in silent.text and "文物保护审查" in silent.text
    assert (
        street.post("admin", "/projects/charts/enterprise/row", **row, change="加文物审查", number="0").status_code
        == 303
    )
    behind = street.post("admin", "/projects/charts/enterprise/row", **row, change="再加", number="0")
    assert behind.status_code == 409 and "现在已是第 1 版" in behind.text
    circle = street.post(
        "admin",
        "/projects/charts/enterprise/row/land_pre",
        name="用地预审意见",
        stage="land",
        department="自然资源",
        days="8",
        after=["works_permit"],
        change="改先后",
    )
    assert circle.status_code == 422 and "互相等待" in circle.text
    assert street.post("admin", "/projects/charts/enterprise/row/site/remove", change="并入用地预审").status_code == 303
    assert street.post("admin", "/projects/charts/enterprise/limit", limit="45", change="再压缩").status_code == 303
    chart = charts.in_force(street.session, "xiacheng", "enterprise")
    permit = next(one for one in chart.rows if one.key == "land_permit")
    assert (chart.number, chart.limit, len(chart.rows)) == (3, 45, 27) and "site" not in permit.after
    assert "文物保护审查" not in street.page("manager", old)
    uid = street.listed(name="第二个项目")
    assert "文物保护审查" in street.page("manager", uid)
    run = clocks.run_of(street.session, street.project(uid))
    assert run is not None and run.working_days == 45
    assert "再压缩" in street.by("manager").get("/projects/charts/enterprise").text


@pytest.mark.req("S4-28")
def test_a_chart_is_an_example_until_an_administrator_says_that_it_is_the_offices_own(street: Street) -> None:
    page, own, mark = "/projects/charts/enterprise", "/projects/charts/enterprise/own", "示例：天数和先后按编出来的"
    assert "核实为本单位的" in street.by("admin").get(page).text
    # Who reads the charts sees that it is invented and cannot say otherwise.
    assert mark in street.by("manager").get(page).text and own not in street.by("manager").get(page).text
    assert street.post("manager", own, sure="y", change="核实").status_code == 404
    unsure = street.post("admin", own, change="逐项核对过")
    assert unsure.status_code == 422 and "请先逐项核对" in unsure.text and "逐项核对过" in unsure.text
    silent = street.post("admin", own, sure="y")
    assert silent.status_code == 422 and "请写明这一版改了什么" in silent.text
    before = charts.in_force(street.session, "xiacheng", "enterprise")
    assert before.illustrative
    old = street.listed()
    assert street.post("admin", own, sure="y", change="逐项核对过", number="0").status_code == 303
    chart = charts.in_force(street.session, "xiacheng", "enterprise")
    assert (chart.illustrative, chart.number, chart.rows) == (False, 1, before.rows)
    assert mark not in street.by("manager").get(page).text and own not in street.by("admin").get(page).text
    again = street.post("admin", own, sure="y", change="再来")
    assert again.status_code == 409 and "不用再办" in again.text
    # A list that was drawn from the example says so for good; one drawn from now on does not.
    assert mark in street.page("manager", old)
    assert mark not in street.page("manager", street.listed(name="第二个项目"))
    # A change afterwards does not make it an example again.
    assert street.post("admin", "/projects/charts/enterprise/limit", limit="48", change="压缩").status_code == 303
    assert not charts.in_force(street.session, "xiacheng", "enterprise").illustrative


@pytest.mark.req("S4-27")
def test_the_six_rules_of_each_town_are_written_checked_and_what_lacks_is_seen(street: Street) -> None:
    first = street.by("reform").get("/projects/six").text
    assert "东新街道" in first and first.count("没有规定") == 6 and "统一考核标准" in first
    empty = street.post("manager", "/projects/six/dongxin/scope/write", body="", valid_from="")
    assert empty.status_code == 422 and "请填写“统一代办范围”的内容" in empty.text
    for key in ("organisation", "staff", "scope", "procedure", "system"):
        answer = street.post(
            "manager", f"/projects/six/dongxin/{key}/write", body=f"示例{key}规定", valid_from="2026-01-01"
        )
        assert answer.status_code == 303
    page = street.by("reform").get("/projects/six").text
    assert "缺：统一考核标准" in page and page.count("未核对") == 5
    from models.project import DelegationRule

    rule = street.session.scalars(select(DelegationRule).where(DelegationRule.field == "scope")).one()
    assert street.by("manager").get(f"/projects/six/check/{rule.uid}").status_code == 404
    assert street.post("manager", f"/projects/six/check/{rule.uid}", verdict="good").status_code == 403
    silent = street.post("reform", f"/projects/six/check/{rule.uid}", verdict="bad")
    assert silent.status_code == 422 and "要改的请写明改什么" in silent.text
    assert (
        street.post("reform", f"/projects/six/check/{rule.uid}", verdict="bad", remark="没有写验收环节").status_code
        == 303
    )
    assert "缺：统一代办范围、统一考核标准" in street.by("reform").get("/projects/six").text
    street.post("manager", "/projects/six/dongxin/scope/write", body="从立项到验收", valid_from="2026-01-02")
    shown = street.by("manager").get("/projects/six/dongxin/scope").text
    assert "第 2 版" in shown and "没有写验收环节" in shown and "未核对" in shown
    assert street.by("manager").get("/projects/six/xc-resources/scope").status_code == 404
    assert street.by("neighbour.clerk").get("/projects/six").status_code == 403


@pytest.mark.req("S3-24")
def test_the_supervisor_has_the_list_by_remaining_days_and_no_contents(street: Street) -> None:
    late = street.listed(name="先到期", funding="enterprise")
    street.listed(name="后到期", funding="government")
    page = street.by("supervisor").get("/projects/").text
    assert page.index("先到期") < page.index("后到期")
    seen = street.page("supervisor", late)
    assert "建设用地规划许可" in seen and "/step/" not in seen and "林若琳" not in seen
    assert street.do("supervisor", late, "project_filing", "file").status_code == 403
    assert "示例manager" in street.by("supervisor").get("/projects/load").text
