"""The kinds of work behind the scenes: which worker does them, who looks after what failed for good, and what to do then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from process import outbox
from process.outbox import EXCHANGE, NETWORK, PAPERS, QUICK, Needs
from process.words import N_


@dataclass(frozen=True)
class Kind:
    """One line of the table. `owner` is the role that answers for a dead letter; `title` and `advice` are read by people."""

    owner: str
    title: str
    advice: str
    needs: Needs = outbox.ORDINARY


# Many rows at a time: beside the drawings, where nobody waits at the counter, and held for longer.
BULK = Needs(queue=PAPERS, lease=timedelta(seconds=120))
# A job that stands nowhere here is quick and belongs to the administrator.
OTHER = Kind(
    "system_admin",
    N_("后台任务"),
    N_("请先看出错的原因。原因排除后再试一次；确实不必再办的，写明理由后放弃。"),
)
KINDS: dict[str, Kind] = {
    "papers.render": Kind(
        "certificate_issuer",
        N_("生成文书"),
        N_("请看是不是缺字段、缺字形或存储已满。补正后再试一次，原来的编号不变；不再需要的文书，写明理由后放弃。"),
        Needs(queue=PAPERS),
    ),
    "papers.admit": Kind(
        "system_admin",
        N_("比对文书的快速路径"),
        N_(
            "这种文书的比对一再中断，已改为一直走普通路径，照常打印。请看出错的原因；这一行放弃就可以，其他文书会接着比对。"
        ),
        BULK,
    ),
    "papers.sign": Kind(
        "certificate_issuer",
        N_("请统一电子印章平台签章"),
        N_("平台没有答复时会自动再试，不会停在这里。停在这里的请看出错的原因，排除后再试一次；编号不变。"),
        Needs(queue=NETWORK, lease=timedelta(seconds=75)),
    ),
    "handbook.make": Kind(
        "catalogue_manager",
        N_("编印服务手册"),
        N_("请到“服务手册”页看出错的原因，排除后在那里重新排版；整理好的事项不会丢。不再需要的，放弃。"),
        BULK,
    ),
    "items.sheet": Kind(
        "catalogue_manager",
        N_("制作事项宣传页"),
        N_("请到事项的“发布与宣传”页看出错的原因，排除后再试一次，或在那里重做一遍。"),
        Needs(queue=PAPERS),
    ),
    "batch.number": Kind(
        "certificate_issuer",
        N_("批量编号用印"),
        N_("请到“打印台—批次”看哪几张没有办成。原因排除后再试一次；没有办成的没有占用编号。"),
        Needs(queue=PAPERS),
    ),
    "batch.draw": Kind(
        "certificate_issuer",
        N_("批量生成证照文件"),
        N_("请到“打印台—批次”看哪几张没有生成。原因排除后再试一次，编号不变。"),
        Needs(queue=PAPERS),
    ),
    "batch.print": Kind(
        "certificate_issuer",
        N_("生成批量打印文件"),
        N_("请到“打印台—批次”看停在哪里。原因排除后再试一次，会从停下的地方接着做，已打印的不会再打。"),
        Needs(queue=PAPERS),
    ),
    "archive.build": Kind(
        "certificate_issuer",
        N_("生成归档包"),
        N_("请到“归档—归档包”看哪一件没有生成。原因排除后再试一次，或在那里重新生成，档号不变。"),
        BULK,
    ),
    "archive.destroy": Kind(
        "certificate_issuer",
        N_("销毁到期档案"),
        N_("销毁已经同意、还没有办完。请管理员看存储是否正常，再试一次；已经删去的不会再删。"),
        BULK,
    ),
    "process.unattended": Kind(
        "system_admin",
        N_("到时自动办理"),
        N_("到时或自动的步骤没有办成。请核对该件现在的状态：还在原状态的，再试一次；已由人办过的，放弃。"),
    ),
    "clock.warn": Kind(
        "system_admin",
        N_("临期、超期提醒"),
        N_("提醒没有发出。请看该件的期限：还没办结的，再试一次；已办结的，放弃。"),
    ),
    "clock.recompute": Kind(
        "system_admin",
        N_("日历变动后重算期限"),
        N_("有些在办件的期限还是按旧日历算的。请看出错的原因，排除后再试一次；已经算好的不会再变。"),
        BULK,
    ),
    "process.migrate": Kind(
        "system_admin",
        N_("在办件换流程版本"),
        N_("还有在办件留在旧版本。请看出错的原因，排除后再试一次；已经换好的不会再换。"),
        BULK,
    ),
    "messages.send": Kind(
        "system_admin",
        N_("发短信、发工作群"),
        N_("请先到“通知渠道”看通道是否正常。恢复后再试一次；已打电话告知的，放弃。"),
        Needs(queue=NETWORK, lease=timedelta(seconds=60)),
    ),
    "sharing.ask": Kind(
        "system_admin",
        N_("向数据共享平台查材料"),
        N_("窗口已按“没有答复”处理，不必补查。请看平台的地址和密钥是否正确；排除后放弃这一行。"),
        Needs(queue=NETWORK, lease=timedelta(seconds=75)),
    ),
    "commitments.due": Kind(
        "system_admin",
        N_("承诺到期提醒核查"),
        N_("提醒没有发出。请到“承诺核查”看这一项核查了没有：没核查的，再试一次，或告诉该单位；已核查的，放弃。"),
    ),
    "promises.lapse": Kind(
        "system_admin",
        N_("容缺承诺到期"),
        N_("请看该件的容缺材料补齐没有：没补齐的，再试一次，会记为逾期并告知双方；已补齐的，放弃。"),
    ),
    "exits.remind": Kind(
        "system_admin",
        N_("提醒领取办理结果"),
        N_("提醒没有发出。请到“统一出件”看这件领了没有：没领的，再试一次，或打电话告诉本人；已领的，放弃。"),
    ),
    "messages.remind": Kind(
        "system_admin",
        N_("提醒补齐容缺材料"),
        N_("提醒没有发出。请看该件还欠不欠材料：还欠的，再试一次；已补齐或已办结的，放弃。"),
    ),
    "messages.unclaimed": Kind(
        "system_admin",
        N_("提醒没人认领的任务"),
        N_("提醒没有发出。请看任务是否还在任务板上：还没人认领的，再试一次；已认领的，放弃。"),
    ),
    "errands.leaver": Kind(
        "system_admin",
        N_("跑腿工离岗后放回任务"),
        N_("任务没有放回任务板。请看这位跑腿工手上还有没有任务：还有的，再试一次；调度员已处理的，放弃。"),
    ),
    "exchange.send": Kind(
        "system_admin",
        N_("向通办伙伴发函件"),
        N_("请到“通办伙伴”页看这条线路的情况。函件都还在，线路恢复后点“马上再试”；这一行再试一次或放弃都不会丢件。"),
        Needs(queue=EXCHANGE, lease=timedelta(seconds=120), attempts=8),
    ),
    "exchange.overdue": Kind(
        "system_admin",
        N_("提醒通办函件没有回执"),
        N_("提醒没有发出。请到“通办伙伴”页看这封函件有没有回执：没有的，再试一次；已有的，放弃。"),
    ),
    "import.check": Kind(
        "system_admin",
        N_("检查导入的表"),
        N_("表没有检查完，什么都没有写入。请看出错的原因，排除后再试一次；不再需要的，放弃，由本人重新上传。"),
        BULK,
    ),
    "import.write": Kind(
        "system_admin",
        N_("写入导入的表"),
        N_("表没有写入，什么都没有改。请看出错的原因，排除后再试一次；不再需要的，放弃，由本人重新上传。"),
        BULK,
    ),
    "lists.export": Kind(
        "system_admin",
        N_("导出清单"),
        N_("Excel 文件没有生成。请看是不是存储已满，排除后再试一次；不再需要的，放弃，由本人重新导出。"),
        BULK,
    ),
    "care.remind": Kind(
        "system_admin",
        N_("服务对象名册的提醒"),
        N_(
            "今天的提醒没有发出。请看出错的原因，排除后再试一次；已经提醒过的不会再提醒。放弃的话，明天起也不再提醒，请重新安装一次（flask install）。"
        ),
    ),
    "rules.run": Kind(
        "system_admin",
        N_("自动规则"),
        N_("规则要做的事没有做成。请到规则的记录里看是哪一条、哪一件，改好规则后再试一次；不再需要的，放弃。"),
    ),
}


def kind(job: str) -> Kind:
    """What the table says of this job."""
    return KINDS.get(job, OTHER)


def declare(kinds: Mapping[str, Kind]) -> None:
    """Tells the outbox where each job goes and how long it may take."""
    for job, one in kinds.items():
        assert one.needs.queue in outbox.QUEUES, f"{job}: no worker listens to {one.needs.queue}"
        outbox.needs[job] = one.needs


def jobs_of(owner: str) -> Iterator[str]:
    """The jobs whose dead letters this role answers for."""
    return (job for job, one in KINDS.items() if one.owner == owner)


declare(KINDS)

__all__ = ["EXCHANGE", "KINDS", "NETWORK", "OTHER", "PAPERS", "QUICK", "Kind", "declare", "jobs_of", "kind"]
