"""统一出件: one window through which everything leaves."""

from flask import Blueprint

from blueprints import timeline
from process.words import N_

bp = Blueprint("exits", __name__, url_prefix="/exit")
timeline.JOURNAL_WORDS |= {
    "exit:receipt": N_("统一出件，开签收单"),
    "exit:hand": N_("当面交出决定书"),
    "exit:send": N_("转到别的领取点"),
    "exit:arrive": N_("领取点清点接收"),
    "exit:cabinet": N_("放进自助取件柜"),
    "exit:take_back": N_("收回窗口"),
    "exit:remind": N_("提醒本人来领"),
}
