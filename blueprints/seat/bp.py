"""陪跑申报: the seat where somebody files online with a guide beside them."""

from flask import Blueprint

from blueprints import timeline

bp = Blueprint("seat", __name__, url_prefix="/seat")
timeline.JOURNAL_WORDS |= {
    "seat:ask": "请本人确认申报内容",
    "seat:shown": "把申报内容给本人看",
    "seat:confirmed": "本人确认申报内容",
    "seat:refused": "本人没有同意申报",
}
