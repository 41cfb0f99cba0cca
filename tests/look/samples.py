"""An office as it looks on an ordinary Thursday: what the skeleton pages are looked at with."""

from __future__ import annotations

from typing import Any

from werkzeug.datastructures import MultiDict
from wtforms import (
    FieldList,
    Form,
    FormField,
    IntegerField,
    PasswordField,
    RadioField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.validators import InputRequired

NAVIGATION = [
    {
        "label": "我的工作台",
        "short": "工作台",
        "url": "/desk",
        "icon": "desk",
        "active": True,
        "count": 11,
        "late": True,
    },
    {"label": "收件", "url": "/inbox", "icon": "inbox", "active": False, "count": 4},
    {"label": "代办", "url": "/delegations", "icon": "delegation", "active": False, "count": None},
    {"label": "上门", "url": "/visits", "icon": "visit", "active": False, "count": 2},
    {"label": "综合窗口", "url": "/counter", "icon": "counter", "active": False, "count": None},
    {"label": "证照", "url": "/certificates", "icon": "certificate", "active": False, "count": None},
    {"label": "红色代办", "url": "/errands", "icon": "errand", "active": False, "count": None},
    {"label": "事项", "url": "/items", "icon": "catalogue", "active": False, "count": None},
    {"label": "统计", "url": "/statistics", "icon": "chart", "active": False, "count": None},
]


def limit(label: str, tone: str, percent: int, title: str = "") -> dict[str, Any]:
    return {"label": label, "tone": tone, "percent": percent, "title": title}


def row(
    number: str,
    who: str,
    what: str,
    where: str,
    state: tuple[str, str],
    deadline: dict[str, Any] | None,
    action: str | None,
) -> dict[str, Any]:
    return {
        "uid": number.lower(),
        "number": number,
        "url": f"/c/{number}",
        "who": who,
        "what": what,
        "where": where,
        "pickable": True,
        "state": {"label": state[0], "tone": state[1]},
        "deadline": deadline,
        "action": {"label": action, "url": "/x"} if action else None,
    }


DESK: dict[str, Any] = {
    "today": "3月5日 周四",
    "figures": [
        {"label": "已逾期", "value": 2, "tone": "late"},
        {"label": "今天到期", "value": 3, "tone": None},
        {"label": "本周办结", "value": "33/40", "tone": None},
    ],
    "bulk_url": "/bulk",
    "bulk_actions": [{"id": "receive", "label": "清点接收"}, {"id": "print", "label": "打印交接单"}],
    "next_url": "/desk?after=x",
    "groups": [
        {
            "key": "late",
            "title": "已逾期",
            "hint": "请先办这些",
            "empty": None,
            "rows": [
                row(
                    "DB-2026-000119",
                    "欧阳*",
                    "残疾人两项补贴申请（转街道民政）",
                    "万家星城社区 → 东新街道行政服务中心",
                    ("待清点接收", "needs"),
                    limit("超期 1 个工作日", "late", 100),
                    "清点接收",
                ),
                row(
                    "DX-2026-000087",
                    "陈*",
                    "流动人口婚育证明",
                    "东新街道 · 计生条线",
                    ("审核中", "running"),
                    limit("超期 2 个工作日", "late", 100),
                    "审核",
                ),
            ],
        },
        {
            "key": "today",
            "title": "今天",
            "hint": None,
            "empty": "今天没有要办的。有新办件转来，会出现在这里。",
            "rows": [
                row(
                    "DB-2026-000131",
                    "张*",
                    "老年优待证（80 周岁以上）",
                    "香滨湾社区 → 东新街道行政服务中心",
                    ("已送出", "running"),
                    limit("还剩 3 小时", "needs", 88),
                    "清点接收",
                ),
                row(
                    "SM-2026-000042",
                    "沈*",
                    "社会保险待遇资格认证（上门）",
                    "万家星城社区 第三网格",
                    ("已排期", "waiting"),
                    limit("今天 14:20 上门", "needs", 60),
                    "出发上门",
                ),
                row(
                    "ZZ-2026-00318",
                    "䶮*",
                    "生育登记服务卡",
                    "东新街道 · 发证",
                    ("待用印", "needs"),
                    limit("今天到期", "needs", 95),
                    "用印打印",
                ),
            ],
        },
        {
            "key": "week",
            "title": "本周",
            "hint": None,
            "empty": "这周没有别的期限。",
            "rows": [
                row(
                    "DX-2026-000126",
                    "买买提·吐*",
                    "灵活就业人员社会保险补贴申领与续领（含困难人员认定）",
                    "东新街道 · 人社条线",
                    ("待补正", "waiting"),
                    limit("暂停计时", "waiting", 40),
                    "催补正",
                ),
                row(
                    "DX-2026-000128",
                    "李*",
                    "独生子女父母光荣证补发",
                    "东新街道 · 计生条线",
                    ("审核中", "running"),
                    limit("还剩 2 个工作日", "running", 55),
                    "审核",
                ),
                row(
                    "TS-2026-000009",
                    "王*",
                    "反映窗口午间无人值守",
                    "街道审批办",
                    ("处理中", "running"),
                    limit("还剩 3 个工作日", "running", 40),
                    "答复",
                ),
            ],
        },
        {
            "key": "others",
            "title": "等别人",
            "hint": "您暂时不用动",
            "empty": "没有在等别人的件。",
            "rows": [
                row(
                    "DB-2026-000104",
                    "徐*",
                    "居民医保参保登记",
                    "在 区医保局 蒋丽华 手里",
                    ("办理中", "running"),
                    limit("还剩 4 个工作日", "running", 30),
                    None,
                ),
                row(
                    "DX-2026-000101",
                    "孙*",
                    "最低生活保障申请",
                    "等 群众 补材料",
                    ("待补正", "waiting"),
                    limit("暂停计时", "waiting", 50),
                    "看一看",
                ),
            ],
        },
    ],
}


class ReceiveForm(Form):
    difference = TextAreaField("与清单不符的地方", description="一样都不差就空着")
    line = SelectField("转给哪条线", [InputRequired()], choices={"civil": "民政条线", "hr": "人社条线"})


OBJECT: dict[str, Any] = {
    "thing": {
        "number": "DB-2026-000119",
        "kind": "代办单",
        "title": "残疾人两项补贴申请",
        "version": 4,
        "state": {"label": "待清点接收", "tone": "needs"},
        "crumbs": [{"label": "东新街道", "url": "/"}, {"label": "收件", "url": "/inbox"}],
    },
    "steps": [
        {"label": "开单", "who": "社区 吴敏", "when": "2月26日 09:12", "status": "done"},
        {"label": "送出", "who": "社区 吴敏", "when": "2月26日 15:40", "status": "done"},
        {"label": "清点接收", "who": "街道窗口", "when": None, "status": "current"},
        {"label": "受理", "who": None, "when": None, "status": "todo"},
        {"label": "审核审批", "who": None, "when": None, "status": "todo"},
        {"label": "结果送回", "who": None, "when": None, "status": "todo"},
        {"label": "送达签收", "who": None, "when": None, "status": "todo"},
    ],
    "applicant": {
        "name": "欧阳*",
        "id_number": {"text": "330***********123X", "reveal_url": "/r"},
        "phone": {"text": "138****1234", "reveal_url": "/r"},
        "address": "万家星城社区 第三网格",
        "agent": "吴敏（万家星城社区，代办员）· 委托书 2026年2月26日 已签",
    },
    "sections": [
        {
            "title": "事项与表单",
            "facts": [
                {"label": "事项", "value": "困难残疾人生活补贴和重度残疾人护理补贴", "wide": True},
                {"label": "残疾等级", "value": {"text": "仅经办人可看", "reveal_url": "/r"}},
                {"label": "办理方式", "value": "上门代办 · 群众跑 0 次"},
                {"label": "开户银行", "value": "农商银行东新支行"},
                {"label": "取结果", "value": "网格员送上门"},
            ],
        }
    ],
    "materials_note": "已到 4/5，原件 2 份在社区",
    "materials_action": {"label": "加材料", "url": "/m"},
    "materials": [
        {
            "name": "身份证",
            "form": "复印件",
            "sheets": 1,
            "critical": True,
            "status": "ok",
            "thumbs": [{"url": "/f", "thumb": "/sample.svg", "alt": "身份证正面"}],
        },
        {
            "name": "残疾人证",
            "form": "原件",
            "sheets": 1,
            "critical": True,
            "status": "ok",
            "thumbs": [{"url": "/f", "thumb": "/sample.svg", "alt": "残疾人证"}],
        },
        {
            "name": "代办委托书",
            "form": "原件",
            "sheets": 2,
            "critical": True,
            "status": "ok",
            "thumbs": [{"url": "/f", "thumb": None, "alt": "代办委托书", "kind": "PDF"}],
        },
        {
            "name": "低保证明",
            "form": "复印件",
            "sheets": 1,
            "critical": False,
            "status": "deferred",
            "status_label": "容缺",
            "note": "已承诺 3月12日 前补交",
            "thumbs": [],
        },
        {
            "name": "银行卡",
            "form": "复印件",
            "sheets": 1,
            "critical": True,
            "status": "problem",
            "note": "照片看不清卡号后四位，请重拍",
            "thumbs": [{"url": "/f", "thumb": "/sample.svg", "alt": "银行卡"}],
        },
    ],
    "papers": [
        {
            "title": "材料交接单",
            "number": "第 1 次交接",
            "url": "/p1",
        },
        {"title": "受理通知书", "note": "受理后才能打印"},
    ],
    "holder": {
        "name": "吴敏",
        "unit": "万家星城社区",
        "phone": "0571-8888 1200",
        "since": "2月26日 15:40 起，已由跑腿工取走",
    },
    "deadline": {
        "label": "超期 1 个工作日",
        "tone": "late",
        "percent": 100,
        "title": "应在 3月4日 前清点",
        "explain": ["2月26日送出，当天不算", "4 个工作日内清点，应在 3月4日 前", "2月28日（周六）调休上班，算 1 天"],
    },
    "actions": [
        {"id": "receive", "label": "清点接收", "primary": True, "form": ReceiveForm(), "url": "/a", "open": False},
        {"id": "return", "label": "退回社区", "url": "/a", "method": "get"},
        {
            "id": "remind",
            "label": "催一催送件人",
            "url": "/a",
            "method": "post",
            "confirm": "会给万家星城社区 吴敏 发一条提醒。",
            "hint": "今天已催过 1 次",
        },
    ],
    "blocked": [{"label": "受理", "why": "还没清点接收，材料不在手里"}],
    "entry_filters": [
        {"label": "全部", "url": "?", "active": True, "count": 6},
        {"label": "留言", "url": "?kind=message", "active": False, "count": 2},
        {"label": "经过", "url": "?", "active": False, "count": 3},
    ],
    "compose": {"url": "/t", "can_message": True, "can_note": True},
    "entries": [
        {"when": "3月4日 17:02", "who": "系统", "title": "超过清点期限，已提醒窗口", "kind": "move"},
        {
            "when": "3月3日 10:21",
            "who": "吴敏",
            "title": "内部备注",
            "text": "老人儿子说下午都在家，要联系打座机。",
            "kind": "note",
        },
        {
            "when": "2月27日 09:30",
            "who": "周建国",
            "for_whom": "李梅",
            "title": "留言给群众",
            "text": "您的材料已从社区送出，街道清点后会再告诉您。",
            "kind": "message",
        },
        {"when": "2月26日 15:40", "who": "吴敏", "title": "送出，转街道", "kind": "move"},
        {"when": "2月26日 15:38", "who": "吴敏", "title": "打印材料交接单", "kind": "paper"},
        {"when": "2月26日 09:12", "who": "吴敏", "title": "开代办单", "kind": "move"},
    ],
}


def errand(
    key: str,
    title: str,
    start: str,
    end: str,
    window: str,
    *,
    tone: str | None = None,
    mine: bool = False,
    courier: str | None = None,
    needs: tuple[str, ...] = (),
    actions: tuple[tuple[str, str], ...] = (),
    envelopes: int = 1,
) -> dict[str, Any]:
    return {
        "key": key,
        "title": title,
        "url": "/e",
        "from_place": start,
        "to_place": end,
        "window": window,
        "tone": tone,
        "mine": mine,
        "courier": courier,
        "needs": needs,
        "envelopes": envelopes,
        "actions": [
            {"label": label, "url": "/e", "to": to, "primary": index == 0} for index, (label, to) in enumerate(actions)
        ],
    }


BOARD: dict[str, Any] = {
    "place_name": "东新街道",
    "poll_url": "",
    "hall": False,
    "hall_url": "/hall",
    "post_url": "/post",
    "my_open": 2,
    "my_limit": 3,
    "columns": [
        {
            "key": "open",
            "title": "待认领",
            "count": 3,
            "limit": None,
            "full": False,
            "lanes": [
                {
                    "title": None,
                    "mine": False,
                    "cards": [
                        errand(
                            "PT-2026-000211",
                            "送补贴申请材料",
                            "万家星城社区",
                            "街道行政服务中心",
                            "今天 15:00 前",
                            tone="needs",
                            needs=("要签字",),
                            actions=(("认领", "claimed"),),
                        ),
                        errand(
                            "PT-2026-000212",
                            "取老年优待证",
                            "街道行政服务中心",
                            "香滨湾社区",
                            "3月6日 上午",
                            actions=(("认领", "claimed"),),
                            envelopes=3,
                        ),
                        errand(
                            "PT-2026-000208",
                            "代交居民医保登记表",
                            "三塘苑社区",
                            "区医保局办事大厅",
                            "昨天 17:00 前",
                            tone="late",
                            needs=("要核身份", "要签字"),
                            actions=(("认领", "claimed"),),
                        ),
                    ],
                }
            ],
        },
        {
            "key": "claimed",
            "title": "已认领",
            "count": 3,
            "limit": 3,
            "full": True,
            "lanes": [
                {
                    "title": "我的",
                    "mine": True,
                    "cards": [
                        errand(
                            "PT-2026-000207",
                            "送婚育证明原件",
                            "街道行政服务中心",
                            "水电新村社区",
                            "今天 16:30 前",
                            mine=True,
                            actions=(("取件", "under_way"), ("放回", "open")),
                        )
                    ],
                },
                {
                    "title": "别人的",
                    "mine": False,
                    "cards": [
                        errand(
                            "PT-2026-000205",
                            "送盖章材料",
                            "新颜苑社区",
                            "街道行政服务中心",
                            "今天 17:00 前",
                            courier="阿芳",
                            envelopes=2,
                        ),
                        errand("PT-2026-000206", "代取残疾人证", "区残联", "万家星城社区", "3月6日", courier="老周"),
                    ],
                },
            ],
        },
        {
            "key": "under_way",
            "title": "途中",
            "count": 1,
            "limit": None,
            "full": False,
            "lanes": [
                {
                    "title": "我的",
                    "mine": True,
                    "cards": [
                        errand(
                            "PT-2026-000203",
                            "送容缺补交材料",
                            "三塘苑社区",
                            "街道行政服务中心",
                            "今天 14:30 前",
                            tone="needs",
                            mine=True,
                            actions=(("送到了", "delivered"), ("送不成", "failed")),
                        )
                    ],
                }
            ],
        },
        {
            "key": "delivered",
            "title": "待确认",
            "count": 1,
            "limit": None,
            "full": False,
            "lanes": [
                {
                    "title": None,
                    "mine": False,
                    "cards": [
                        errand(
                            "PT-2026-000199",
                            "送生育登记服务卡",
                            "街道行政服务中心",
                            "香滨湾社区",
                            "今天 10:05 送到",
                            courier="阿芳",
                        )
                    ],
                }
            ],
        },
        {
            "key": "confirmed",
            "title": "已完成",
            "count": 0,
            "limit": None,
            "full": False,
            "empty": "今天还没有完成的。",
            "lanes": [{"title": None, "mine": False, "cards": []}],
        },
    ],
}


class LineForm(Form):
    material = StringField("材料名称")
    original = SelectField("原件/复印件", choices={"original": "原件", "copy": "复印件"})
    sheets = IntegerField("页数")
    condition = StringField("状况")


class HandoverForm(Form):
    receiver = StringField("交给谁", [InputRequired("请填写收材料的人")], description="写工作证上的姓名")
    way = RadioField(
        "怎么送", [InputRequired("请选一种送法")], choices={"self": "我自己带回社区", "courier": "请跑腿工来取"}
    )
    lines = FieldList(FormField(LineForm), label="交接清单", description="一样一行，原件写清几页")


class _Plain(dict[str, Any]):
    """A field object without WTForms, as pages generated from a YAML type hand in."""


def visit_step(
    form: Any,
    index: int = 5,
    key: str = "handover",
    title: str = "交接清单",
    help_text: str = "请当着老人的面一样一样点清，念给他听。",
) -> dict[str, Any]:
    labels = ["身份", "材料", "拍照", "委托书签名", "交接清单", "完成"]
    return {
        "visit": {
            "number": "SM-2026-000042",
            "who": "沈阿婆",
            "item": "社会保险待遇资格认证",
            "address": "万家星城 12 幢 2 单元 301 室",
            "when": "今天 14:20",
        },
        "steps": [
            {"label": label, "url": None, "status": "done" if at < index else "current" if at == index else "todo"}
            for at, label in enumerate(labels, 1)
        ],
        "step": {
            "index": index,
            "total": 6,
            "key": key,
            "title": title,
            "help": help_text,
            "next_label": "清点好了，下一步",
        },
        "form": form,
        "back_url": "/back",
        "sync": {"online": False, "waiting": 2},
        "action_url": "",
    }


def handover_step(wrong: bool = False) -> dict[str, Any]:
    data = {
        "lines": [
            {"material": "居民身份证", "original": "original", "sheets": 1, "condition": "完好"},
            {"material": "待遇领取证", "original": "copy", "sheets": 2, "condition": "有折痕"},
        ]
    }
    form = (
        HandoverForm(MultiDict({"receiver": "", "lines-0-material": "居民身份证", "lines-0-sheets": "一"}))
        if wrong
        else HandoverForm(data=data)
    )
    if wrong:
        form.validate()
    return visit_step(form)


def capture_step() -> dict[str, Any]:
    fields = [
        _Plain(
            name="photos",
            label="老人近照和身份证",
            kind="photos",
            required=True,
            description="脸要露全，身份证四个角都要拍到",
        ),
        _Plain(
            name="signature",
            label="委托书签名",
            kind="signature",
            required=True,
            description="请老人本人签；不会写字的按指印，另请两位见证人",
        ),
        _Plain(name="agree", label="已向老人说明：材料只用来办这一件事", kind="checkbox", required=True),
    ]
    return visit_step(fields, 4, "sign", "拍照和签名", "光线亮一点，手机拿稳。")


class SignInForm(Form):
    username = StringField("账号", [InputRequired("请填写账号")])
    password = PasswordField("密码", [InputRequired("请填写密码")])


def sign_in() -> dict[str, Any]:
    form = SignInForm(MultiDict({"username": "window.clerk"}))
    form.validate()
    return {
        "form": form,
        "problem": None,
        "demo_accounts": [
            {"username": "window.clerk", "label": "窗口"},
            {"username": "reviewer", "label": "审核"},
            {"username": "courier", "label": "跑腿工"},
            {"username": "resident", "label": "群众"},
        ],
    }


PAGES: dict[str, tuple[str, Any]] = {
    "desk": ("desk/index.html", lambda: DESK),
    "object": ("content/show.html", lambda: OBJECT),
    "board": ("errands/board.html", lambda: BOARD),
    "board-hall": ("errands/board.html", lambda: {**BOARD, "hall": True}),
    "visit": ("visits/step.html", handover_step),
    "visit-wrong": ("visits/step.html", lambda: handover_step(wrong=True)),
    "visit-capture": ("visits/step.html", capture_step),
    "login": ("auth/login.html", sign_in),
    "conflict": (
        "errors/409.html",
        lambda: {
            "status": 409,
            "title": "有冲突",
            "detail": "这件代办单 14:32 已由 李梅 清点接收，您的这一步没有记上。",
            "back_url": "/c/1",
        },
    ),
}
