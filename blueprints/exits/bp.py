"""统一出件: one window through which everything leaves."""

from flask import Blueprint

from blueprints import timeline

bp = Blueprint("exits", __name__, url_prefix="/exit")
timeline.JOURNAL_WORDS |= {
    "exit:receipt": "统一出件，开签收单",
    "exit:hand": "当面交出决定书",
    "exit:send": "转到别的领取点",
    "exit:arrive": "领取点清点接收",
    "exit:cabinet": "放进自助取件柜",
    "exit:take_back": "收回窗口",
    "exit:remind": "提醒本人来领",
}
