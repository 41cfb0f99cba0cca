"""8 大机制 and 5 项家门口制度: which are named, what the system does to keep each, and which the source does not name."""

from __future__ import annotations

from dataclasses import dataclass

from catalogue import loader as catalogue
from process.words import N_


@dataclass(frozen=True)
class Kept:
    """Where the system itself keeps a rule: in words, and the page of the process that does it."""

    text: str
    process: str = ""
    endpoint: str = ""


@dataclass(frozen=True)
class Entry:
    """One line of the register; without a name the source only says that there is one more."""

    number: int
    name: str
    means: str = ""
    kept: tuple[Kept, ...] = ()


_KNOWN: dict[str, tuple[str, tuple[Kept, ...]]] = {
    "首问接待制": (
        N_("第一个接待的人负责到底，交接签收以前不换人。"),
        (
            Kept(N_("办件登记时记下首问接待人，办理页一直显示。"), "case"),
            Kept(N_("代办单转出以后，首问的站仍对群众负责，直到办结；另一头签收以前责任不转移。"), "delegation"),
        ),
    ),
    "工作流转制": (
        N_("每一步由谁办、几天办完、转给谁，都按流程走，留有记录。"),
        (
            Kept(N_("只能从当前状态按流程往下办，别的办法改不了状态。"), "case"),
            Kept(N_("材料离手要有交接单和两个人的签字，原件没还清不能办结。"), "delegation"),
            Kept(N_("每一步写入经过，不能改、不能删；快到期和过期都会提醒。")),
        ),
    ),
    "全岗接待制": (
        N_("综合窗口的人什么事都接，不分条线。"),
        (
            Kept(N_("全岗人员在综合窗口受理全部事项，不用先分部门。"), "single_window_intake"),
            Kept(N_("村社轮值：每天一半人坐综合窗口，每班至少两人。"), "duty_roster", "grid.my_roster"),
        ),
    ),
    "红色代办制": (
        N_("群众不用自己跑，由红色代办站和跑腿工代跑。"),
        (
            Kept(N_("站点发任务，受过培训的跑腿工认领，送达要有签收或确认码。"), "errand"),
            Kept(N_("开代办单要有委托书，没有委托书不能代办。"), "delegation"),
        ),
    ),
}


def mechanisms() -> list[Entry]:
    """8 大机制."""
    return _entries("mechanisms")


def home_gate_rules() -> list[Entry]:
    """5 项家门口制度."""
    return _entries("home_gate_rules")


def _entries(key: str) -> list[Entry]:
    part = catalogue.lists()["village_rules"][key]
    named = list(part["named"])
    found = []
    for number in range(1, int(part["stated"]) + 1):
        if number <= len(named):
            means, kept = _KNOWN[named[number - 1]]
            found.append(Entry(number, named[number - 1], means, kept))
        else:
            found.append(Entry(number, ""))
    return found
