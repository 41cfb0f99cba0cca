"""单位网上业务: what a unit does online, and who does it for it."""

from flask import Blueprint

from blueprints import timeline

bp = Blueprint("work_units", __name__, url_prefix="/units")
timeline.JOURNAL_WORDS |= {
    "work_unit:register": "登记单位",
    "work_unit:in_charge": "换单位负责人",
    "work_unit:name": "委托经办人",
    "work_unit:end": "结束委托",
    "work_unit:begin": "以单位名义开始申报",
}
