"""The rail: each person's own places, only what the roles allow."""

from __future__ import annotations

from dataclasses import dataclass

from flask import request, url_for
from flask_babel import lazy_gettext as _l

from process.access import Actor

CASEWORK = {
    "community_clerk",
    "all_round_worker",
    "window_clerk",
    "back_office_reviewer",
    "approver",
    "certificate_issuer",
}
WATCHING = {"supervisor", "statistician"}


@dataclass(frozen=True)
class Place:
    label: str
    url: str
    icon: str
    active: bool
    short: str = ""
    count: int = 0
    late: bool = False


# label, endpoint, icon, roles that see it (empty: everybody)
PLACES = (
    (_l("我的工作台"), _l("工作台"), "desk.index", "desk", frozenset()),
    (
        _l("综合受理"),
        _l("受理"),
        "cases.new",
        "counter",
        frozenset({"community_clerk", "window_clerk", "all_round_worker", "bank_teller"}),
    ),
    (
        _l("大厅"),
        _l("大厅"),
        "hall.index",
        "clock",
        frozenset({"window_clerk", "lobby_manager", "filing_guide", "duty_leader", "applicant"}),
    ),
    (_l("收件"), _l("收件"), "places.my_inbox", "inbox", frozenset(CASEWORK)),
    (_l("代办"), _l("代办"), "delegations.index", "delegation", frozenset(CASEWORK | WATCHING | {"delegate"})),
    (
        _l("上门代办"),
        _l("上门"),
        "visits.index",
        "visit",
        frozenset({"grid_leader", "community_clerk", "all_round_worker"} | WATCHING),
    ),
    (
        _l("网格工作"),
        _l("日志"),
        "grid.index",
        "board",
        frozenset(
            {
                "grid_leader",
                "grid_worker",
                "grid_service_worker",
                "grid_publicist",
                "community_clerk",
                "station_head",
                "training_officer",
                "system_admin",
                "community_police",
                "traffic_police",
                "urban_officer",
                "mediator",
            }
            | WATCHING
        ),
    ),
    (_l("办件"), _l("办件"), "cases.index", "case", frozenset(CASEWORK | WATCHING | {"applicant", "bank_teller"})),
    (
        _l("一件事"),
        _l("一件事"),
        "one_things.index",
        "link",
        frozenset({"community_clerk", "window_clerk", "all_round_worker", "applicant"} | WATCHING),
    ),
    (_l("容缺台账"), _l("容缺"), "cases.owed", "clock", frozenset(CASEWORK)),
    (
        _l("证照"),
        _l("证照"),
        "certificates.index",
        "certificate",
        frozenset({"certificate_issuer", "approver", "window_clerk", "applicant", "supervisor"}),
    ),
    (
        _l("统一出件"),
        _l("出件"),
        "exits.index",
        "done",
        frozenset({"window_clerk", "community_clerk", "all_round_worker", "certificate_issuer"}),
    ),
    (
        _l("陪跑申报"),
        _l("陪跑"),
        "seat.index",
        "people",
        frozenset({"filing_guide", "window_clerk", "community_clerk", "all_round_worker"}),
    ),
    (_l("同意再用材料"), _l("同意"), "consents.mine", "pen", frozenset({"applicant"})),
    (
        _l("同意再用材料"),
        _l("同意"),
        "consents.index",
        "pen",
        frozenset({"community_clerk", "window_clerk", "all_round_worker"}),
    ),
    (_l("打印台"), _l("打印"), "printing.index", "certificate", frozenset({"certificate_issuer", "all_round_worker"})),
    (
        _l("承诺核查"),
        _l("承诺"),
        "cases.commitments",
        "pen",
        frozenset({"back_office_reviewer", "approver", "site_surveyor"}),
    ),
    (_l("发放清单"), _l("发放"), "cases.payments", "case", frozenset({"disbursing_bank"})),
    (_l("归档"), _l("归档"), "archive.index", "paper", frozenset({"certificate_issuer", "all_round_worker"})),
    (_l("到期销毁"), _l("销毁"), "archive.disposals", "paper", frozenset({"approver", "head"})),
    (
        _l("用印登记"),
        _l("用印"),
        "trust.seals",
        "pen",
        frozenset({"certificate_issuer", "approver", "supervisor", "head"}),
    ),
    (
        _l("红色代办"),
        _l("任务板"),
        "errands.board",
        "errand",
        frozenset({"red_courier", "errand_dispatcher", "community_clerk", "window_clerk"} | WATCHING),
    ),
    (_l("我的任务"), _l("我的"), "errands.mine", "phone", frozenset({"red_courier"})),
    (
        _l("手机外勤"),
        _l("外勤"),
        "field.app",
        "phone",
        frozenset({"grid_leader", "grid_service_worker", "grid_worker", "grid_publicist", "red_courier"}),
    ),
    (
        _l("跨市通办"),
        _l("通办"),
        "exchange.index",
        "globe",
        frozenset({"window_clerk", "community_clerk", "all_round_worker", "remote_authority", "system_admin"}),
    ),
    (_l("全部业务"), _l("业务"), "generic.index", "menu", frozenset()),
    (_l("事项"), _l("事项"), "catalogue.index", "catalogue", frozenset()),
    (
        _l("机构和网格"),
        _l("网格"),
        "places.index",
        "grid",
        frozenset(
            CASEWORK
            | WATCHING
            | {"grid_leader", "errand_dispatcher", "catalogue_manager", "system_admin", "complaint_handler"}
        ),
    ),
    (
        _l("投资项目"),
        _l("项目"),
        "projects.index",
        "board",
        frozenset(
            {
                *("project_manager", "project_delegate", "cooperating_department", "lead_department"),
                *("enterprise_applicant", "approvals_office", "reform_office", "supervisor", "head", "department_head"),
            }
        ),
    ),
    (
        _l("单位网上业务"),
        _l("单位"),
        "work_units.index",
        "catalogue",
        frozenset({"enterprise_service_officer", "window_clerk", "applicant", "enterprise_applicant"}),
    ),
    (_l("统计"), _l("统计"), "reports.index", "chart", frozenset(WATCHING | {"head"})),
    (_l("红黄绿灯"), _l("三色灯"), "reports.lights", "clock", frozenset(CASEWORK | WATCHING)),
    (_l("流程"), _l("流程"), "workflows.index", "menu", frozenset({"system_admin", "supervisor", "catalogue_manager"})),
    (
        _l("文书模板"),
        _l("文书"),
        "paper_versions.index",
        "menu",
        frozenset({"system_admin", "supervisor", "catalogue_manager"}),
    ),
    (_l("权限和代班"), _l("权限"), "access.grants", "people", frozenset({"system_admin", "head"})),
    (_l("规则"), _l("规则"), "rules.index", "menu", frozenset({"system_admin"})),
    (_l("系统状态"), _l("状态"), "admin.index", "admin", frozenset({"system_admin"})),
)

# Pages that belong to a place of the rail without being it.
BELOW = {
    "desk.index": ("desk.palm",),
    "cases.commitments": ("cases.commitment",),
    "cases.payments": ("cases.payment_list", "cases.settle_payments", "cases.make_payments"),
    "one_things.index": ("one_things.theme", "one_things.show", "one_things.apply", "one_things.report"),
    "cases.owed": ("cases.faxes", "cases.fax_match", "cases.owed_receive", "cases.owed_extend"),
    "printing.index": (
        *("printing.batches", "printing.batch", "printing.requests", "printing.records"),
        *("printing.blanks", "printing.printers", "printing.printer"),
    ),
    "exits.index": ("exits.hand", "exits.receipt"),
    "seat.index": ("seat.show",),
    "archive.index": ("archive.packages", "archive.case", "archive.receipts", "archive.check"),
    "trust.seals": ("trust.seal", "trust.checks"),
    "admin.index": ("trust.keys",),
    "paper_versions.index": (
        *("paper_versions.upload", "paper_versions.show", "paper_versions.edit", "paper_versions.compare"),
    ),
    "access.grants": ("access.person", "access.give", "access.end", "access.substitution_for"),
    "hall.index": (
        "hall.desk",
        "hall.strip",
        "hall.mine",
        "hall.period",
        "hall.layout",
        "hall.rule",
        "hall.counter",
        "hall.queue",
        "hall.hours",
        "hall.rules",
        "hall.leader_log",
    ),
    "projects.index": (
        *("projects.show", "projects.load", "projects.charts", "projects.chart", "projects.six", "projects.six_field"),
        *("projects.step", "projects.assign", "projects.hand_over", "projects.meeting_new", "projects.meeting_hold"),
    ),
    "work_units.index": ("work_units.show", "work_units.new", "work_units.in_charge", "work_units.name"),
    "generic.index": ("generic.listed", "generic.new"),
    "exchange.index": (
        *("exchange.new", "exchange.letters", "exchange.terminal", "exchange.printed", "exchange.statistics"),
        *("exchange.partners", "exchange.partner", "exchange.new_partner", "exchange.items"),
    ),
}


def navigation(actor: Actor) -> list[Place]:
    here = request.endpoint or ""
    found = []
    for label, short, endpoint, icon, roles in PLACES:
        if roles and roles.isdisjoint(actor.roles):
            continue
        found.append(
            Place(str(label), url_for(endpoint), icon, here == endpoint or here in BELOW.get(endpoint, ()), str(short))
        )
    return found
