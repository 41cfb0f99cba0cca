"""At least one of everything else: what a town works on beside cases and tickets, each begun by somebody whose post it is. All invented."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from catalogue import loader as catalogue
from catalogue import people
from models.agency import Agency
from models.case import ServiceItem
from models.content import Content
from models.delegation import Delegation
from models.exchange import Partner
from models.person import Grant, Person
from process import clock
from process.library import library
from services import accounts, record_inquiries
from services.demo import bundles, partner, posts, projects, units
from services.demo.office import Office
from services.installation import SEED

CENTRE, STREET, COMMUNITY = "dongxin-centre", "dongxin", "dx-c01"


def tell(office: Office) -> None:
    """Each kind of thing that nobody has begun yet gets its story; told again it adds only what is missing."""
    colleagues(office)
    begun = set(office.session.scalars(select(Content.type).distinct()))
    for type_id, story in STORIES.items():
        if type_id not in begun:
            story(office)
    for type_id, (who, place, values) in PLAIN.items():
        if type_id not in begun and type_id in library.types:
            office.create(who, type_id, office.ago(3, 10), place=place, **_said(office, values))
    if office.session.scalar(select(Partner.id).limit(1)) is None:
        partner.tell(office)
    units.tell(office)
    bundles.tell(office)
    office.session.flush()


def colleagues(office: Office) -> None:
    """Whose post it is to begin these, without a password."""
    known = set(office.session.scalars(select(Person.username)))
    for one in people.office_staff(SEED):
        if one.key in known:
            continue
        person = Person(
            username=one.key,
            name=one.name,
            title=one.title,
            unit_id=one.unit,
            phone=one.phone,
            password_hash=accounts.NO_PASSWORD,
            illustrative=True,
        )
        office.session.add(person)
        office.session.flush()
        place = office.session.get_one(Agency, one.unit)
        since = clock.local_day(office.ago(60))
        office.session.add(
            Grant(
                person_id=person.id, role=one.role, place_id=place.id, place_path=place.path, cause="post", since=since
            )
        )
    office.session.flush()


# --- Kinds that are begun by filling in a form: who, where, what.
# `item`, `applicant`, `day:N` and `month:N` (the month N days off its first) are put in when told.
PLAIN: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {
    "catalogue_adjustment": (
        "catalogue.manager",
        STREET,
        {"item_name": "流动人口婚育证明", "volume": 0, "period": "上季度"},
    ),
    "complaint": (
        "complaint.handler",
        STREET,
        {
            "summary": "等了一小时没人叫号",
            "about": CENTRE,
            "content": "上午十点在综合窗口取号，前面三个人，等了一小时没有叫到，问大厅也没有人答复。",
            "channel": "counter",
        },
    ),
    "cross_region": (
        "window.clerk",
        CENTRE,
        {"matter": "社保参保证明", "city": "江苏吴江", "applicant": True, "addressee": CENTRE},
    ),
    "deferred_acceptance": ("window.clerk", CENTRE, {"item": "fertility_registration_card", "applicant": True}),
    "duty_roster": (
        "community.clerk",
        COMMUNITY,
        {"window": "综合窗口", "duty_day": "day:1", "shift": "day", "on_duty": ["公共服务站工作人员（示例）"]},
    ),
    "enterprise_appeal": (
        "office-enterprise",
        STREET,
        {
            "summary": "门前道路施工，货车进不来",
            "enterprise": "东新示例食品有限公司",
            "detail": "施工围挡把卸货口封了，已经三天。希望每天早上六点到八点留一条通道。",
        },
    ),
    "feasibility_analysis": ("office-review-group", "xiacheng", {"item": "senior_card"}),
    "guide_mismatch": (
        "resident",
        COMMUNITY,
        {"item": "senior_card", "part": "materials", "said": "窗口说还要带户口簿原件，指南上写的是复印件。"},
    ),
    "intermediary_order": ("office-enterprise-agent", STREET, {"service": "环境影响登记表编制", "addressee": CENTRE}),
    "item_optimisation": ("catalogue.manager", STREET, {"item": "fertility_registration_card", "batch": "第一批"}),
    "item_review": (
        "office-editor",
        "xiacheng",
        {
            "item_name": "犬类登记",
            "service_type": "registration_filing",
            "legal_basis": "示例条例第八条（演示用，不是真实条文）",
        },
    ),
    "leader_duty": ("office-duty-leader", CENTRE, {"window": "综合窗口", "duty_day": "day:2", "leader": "approver"}),
    "micro_approval": ("window.clerk", CENTRE, {"matter": "户外广告（临时）设置", "unit": CENTRE}),
    "mobile_precheck": ("window.clerk", CENTRE, {"matter": "生育登记预审", "unit": CENTRE}),
    "outreach_event": (
        "community.clerk",
        COMMUNITY,
        {
            "title": "周六便民服务（示例）",
            "venue": "小区东门广场",
            "held_on": "day:5",
            "items": ["老年优待证", "生育登记"],
        },
    ),
    "service_statement": ("courier", f"{COMMUNITY}-point", {"month": "month:-1"}),
    "social_organisation": (
        "community.clerk",
        COMMUNITY,
        {"name": "示例邻里互助社", "standing": "recorded", "does": "陪独居老人就医、代买日用品"},
    ),
    "nearby_rollout": (
        "office-reform",
        "xiacheng",
        {
            "summary": "老年优待证在社区就近办",
            "preparation_until": "day:20",
            "sorting_until": "day:40",
            "training_until": "day:60",
            "operation_until": "day:120",
        },
    ),
    "one_thing_definition": ("office-joint-group", "xiacheng", {"name": "新生儿出生一件事", "situation": "one_many"}),
    "one_thing_joint": (
        "window.clerk",
        CENTRE,
        {
            "theme": "birth",
            "need": "给孩子报户口、参加医保",
            "applicant": True,
            "unit": CENTRE,
            "addressees": ["xc-approvals"],
        },
    ),
    "opinion_round": (
        "office-reform",
        "xiacheng",
        {"subject": "就近办实施方案（征求意见稿，示例）", "addressees": [STREET, "xc-approvals"]},
    ),
    "run_along": ("office-department-head", "xiacheng", {"department": "下城区审批管理办公室"}),
    "self_service": ("resident", COMMUNITY, {"terminal": "DX01-自助机-1"}),
    "single_window_intake": ("window.clerk", CENTRE, {"matter": "居住证签注", "applicant": True}),
    "supervision_round": ("office-reform", "xiacheng", {"summary": "代办超期件专项督查"}),
    "survey_instant": (
        "window.clerk",
        CENTRE,
        {"matter": "小餐饮店登记现场勘查", "unit": CENTRE, "site": "东新路示例9号"},
    ),
    "training": (
        "office-trainer",
        STREET,
        {"subject": "代办受理和交接清点", "audience": "community", "held_on": "day:5"},
    ),
    "work_task": ("office-reform", "xiacheng", {"summary": "核对各社区代办事项公示栏", "due_on": "day:14"}),
}


def _said(office: Office, values: Mapping[str, Any]) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for name, value in values.items():
        if value is True:
            said[name] = office.applicant(office.resident(COMMUNITY, young=True))
        elif name == "item":
            said[name] = office.session.scalars(select(ServiceItem.code).where(ServiceItem.code == value)).one()
        elif isinstance(value, str) and value.startswith("day:"):
            said[name] = (clock.local_day(office.today) + timedelta(days=int(value[4:]))).isoformat()
        elif isinstance(value, str) and value.startswith("month:"):
            first = clock.local_day(office.today).replace(day=1)
            said[name] = f"{first + timedelta(days=int(value[6:])):%Y-%m}"
        else:
            said[name] = value
    return said


# --- Kinds that begin with something that is there already


def run(office: Office) -> None:
    """Two envelopes of the station, given to a courier yesterday; the street has not ticked them off yet."""
    from services.demo import stories

    tickets = [stories.carried(office, 1, "sent") for _ in range(2)]
    numbers = "\n".join(str(ticket.number) for ticket in tickets)
    at = office.ago(1, 15)
    made = office.create(
        "community.clerk",
        "courier_run",
        at,
        place=COMMUNITY,
        carrier_kind="red_courier",
        carrier="courier",
        numbers=numbers,
    )
    office.do("community.clerk", made, "load", at + timedelta(minutes=5), numbers=numbers)
    office.do("community.clerk", made, "hand_over", at + timedelta(minutes=10), signature=office.signature("方志远"))


def sub_ticket(office: Office) -> None:
    """The street asks the district about one ticket and waits for the answer."""
    from services.demo import stories

    ticket: Delegation = stories.carried(office, 5, "processing")
    office.create(
        "window.clerk",
        "sub_delegation",
        office.ago(1, 11),
        ticket=ticket.uid,
        addressee="xc-approvals",
        question="请核对申请人在下城区的婚育登记记录。",
    )


def inquiry(office: Office) -> None:
    """A letter to the community that keeps the old registers, waiting for its answer."""
    child, mother = office.resident(COMMUNITY, young=True), office.resident(COMMUNITY, old=True, sex="female")
    record = catalogue.item(record_inquiries.ITEM)
    case = office.create(
        "window.clerk",
        "case",
        office.ago(4, 9),
        item=record_inquiries.ITEM,
        place=STREET,
        channel="window_street",
        applicant=office.applicant(child),
        name=child.name,
        id_number=child.id_number,
        phone=child.phone,
        subject_name=mother.name,
        subject_id_number=mother.id_number,
        subject_household_address=mother.household_address,
        relation="母亲",
        records_asked="1985年至1995年间的生育登记。",
        purpose="办理退休手续",
        materials=[{"code": one.id, "provided": True, "sheets": 1} for one in record.materials],
    )
    office.do("window.clerk", case, "submit", office.ago(4, 9, 20))
    office.do("window.clerk", case, "accept", office.ago(4, 9, 40))
    with office.at(office.ago(3, 14)):
        record_inquiries.begin(
            office.session,
            case,
            office.actor("reviewer"),
            {"addressee": COMMUNITY, "signature": office.signature("陆文斌")},
        )


def survey(office: Office) -> None:
    """The reviewer asks a colleague to look whether somebody lives where they say."""
    from services.demo import stories

    case = stories.fertility(office, 2, "accepted")
    office.do(
        "reviewer",
        case,
        "survey",
        office.ago(1, 15),
        site="东新街道万家星城社区文晖路2幢1单元1102室（示例）",
        question="请到现居住地看一看，申请人是否常住。",
    )


STORIES: Mapping[str, Callable[[Office], None]] = {
    "assisted_filing": posts.seat,
    "subsidy_three_level": posts.subsidy,
    "project_delegation": projects.tell,
    "courier_run": run,
    "site_survey": survey,
    "sub_delegation": sub_ticket,
    record_inquiries.TYPE: inquiry,
}
