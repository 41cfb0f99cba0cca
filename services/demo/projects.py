"""投资项目 in the demo: one to claim, one in the middle of its approvals with a joint meeting behind it, one given up. All invented."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from models.agency import Agency
from models.content import Content
from models.person import Person
from models.project import ProjectRow
from process import clock
from services import accounts
from services.demo.office import Office
from services.installation import DEMO_PASSWORD
from services.projects import meetings, rows, rules, signing

COMMUNITY, STREET = "dx-c01", "dongxin"
MANAGER, DELEGATE, RESOURCES, DEVELOPMENT = "project.manager", "project.delegate", "dept.resources", "dept.development"
TEXTS = {
    "organisation": "街道设投资项目代办点，设在行政服务中心二楼，牌子统一写“投资项目代办”。（示例）",
    "staff": "项目经理两名、专职代办员两名，每年培训不少于两次。（示例）",
    "scope": "落户本街道的企业投资项目，从立项到竣工验收全程代办，不收费。（示例）",
    "procedure": "入库三天内认领，五天内列清单，并联申报，一月一次例会。（示例）",
}


def tell(office: Office) -> None:
    """Somebody can sign in as the project manager of the street; a project waits, another one is on its way."""
    session = office.session
    for username in (MANAGER, RESOURCES):
        person = session.scalars(select(Person).where(Person.username == username)).one()
        person.password_hash = accounts.hash_password(DEMO_PASSWORD)
    _rules(office)
    _begun(office, office.ago(1, 10), "东新示例智慧菜场改造", "东新示例市场管理有限公司", "ordinary")
    moving = _begun(office, office.ago(40, 9), "东新示例旧厂房改造", "东新示例文化创意有限公司", "renovation")
    office.do(MANAGER, moving, "claim", office.ago(39, 9))
    office.do(MANAGER, moving, "list_items", office.ago(38, 9))
    office.do(MANAGER, moving, "prepare", office.ago(36, 9))
    office.do(MANAGER, moving, "file_together", office.ago(35, 9))
    _meeting(office, moving)
    _act(office, moving, "environment", "file", 24, MANAGER)
    _act(office, moving, "quality", "drop", 23, MANAGER, "与施工许可合并办理（示例）")
    over = _begun(office, office.ago(30, 14), "东新示例物流仓库", "东新示例物流有限公司", "ordinary")
    office.do(MANAGER, over, "claim", office.ago(29, 9))
    office.do(MANAGER, over, "list_items", office.ago(28, 9))
    office.do(MANAGER, over, "give_up", office.ago(21, 15), comment="业主改租现成仓库，不再新建。（示例）")


def _begun(office: Office, at: object, name: str, owner: str, programme: str) -> Content:
    found: Content = office.create(
        MANAGER,
        "project_delegation",
        at,  # type: ignore[arg-type]
        place=STREET,
        name=name,
        enterprise=owner,
        funding="enterprise",
        programme=programme,
        amount=800,
        applicant=office.applicant(office.resident(COMMUNITY, young=True)),
    )
    return found


def _row(office: Office, content: Content, key: str) -> ProjectRow:
    return office.session.scalars(
        select(ProjectRow).where(ProjectRow.content_id == content.id, ProjectRow.key == key)
    ).one()


def _act(office: Office, content: Content, key: str, verb: str, days: int, who: str, words: str = "") -> None:
    with office.at(office.ago(days, 15)):
        rows.act(office.session, office.actor(who), _row(office, content, key), verb, {"words": words})


def _meeting(office: Office, content: Content) -> None:
    """The social risk and the site heard together, agreed to, and the plan filed after it."""
    session, both = office.session, [_row(office, content, key) for key in ("site", "social_risk")]
    day = clock.local_day(office.ago(30))
    with office.at(office.ago(33, 10)):
        made = meetings.call(
            session,
            office.actor(MANAGER),
            content,
            {
                "rows": [row.uid for row in both],
                "subject": "规划选址和社会稳定风险联合会审（示例）",
                "venue": "街道行政服务中心二楼会议室，上午 9 点",
                "held_on": day.isoformat(),
            },
        )
    with office.at(office.ago(30, 11) + timedelta(minutes=30)):
        said = {f"verdict_{row.uid}": "agree" for row in both}
        meetings.hold(
            session,
            office.actor(MANAGER),
            made,
            {
                **said,
                "attendees": "下城区发展和改革局（示例）\n东新街道（示例）\n东新示例文化创意有限公司（示例）",
                "conclusion": "选址和风险评估一并通过，消防通道在设计方案里补画。",
            },
        )
    with office.at(office.ago(29, 10)):
        signing.sign(session, office.actor(DEVELOPMENT), made, {"answer": signing.CONFIRMED})
    _act(office, content, "project_filing", "done", 28, DEVELOPMENT, "示例备案〔2026〕1号")
    _act(office, content, "design_plan", "file", 26, MANAGER)


def _rules(office: Office) -> None:
    """Four of the six fields of the street are written, two are missing."""
    town = office.session.get_one(Agency, STREET)
    with office.at(office.ago(60, 10)):
        for key, body in TEXTS.items():
            given = {"body": body, "valid_from": clock.local_day(office.ago(60)).isoformat()}
            rules.write(office.session, office.actor(MANAGER), town, key, given)
