"""Forms of rights. What is wrong is said by the services; here only what was typed is kept."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import DateField, RadioField, SelectField, SelectMultipleField, StringField

from blueprints.dynamic_forms import Asked
from process.refusals import InvalidInput


class GiveForm(FlaskForm):
    username = StringField(_l("同事的用户名"), [Asked()])
    place = SelectField(_l("在哪个单位"), [Asked()], validate_choice=False)
    role = SelectField(_l("岗位"), [Asked()], validate_choice=False)
    cause = RadioField(_l("缘由"), [Asked()], validate_choice=False)
    since = DateField(_l("从哪一天起"), description=_l("不填就从今天起。"))
    until = DateField(_l("到哪一天止"), description=_l("当天仍有效。委派和共享必填，最长一年。"))
    reason = StringField(_l("原因"), [Asked()], description=_l("例如调令、文号或请假单，会记入经过。"))


class EndForm(FlaskForm):
    last_day = DateField(_l("最后一天"), description=_l("不填就马上结束，对方下一次点击即失效。"))
    reason = StringField(_l("原因"), [Asked()], description=_l("会记入经过。"))


class SubstituteForm(FlaskForm):
    substitute = SelectField(_l("请谁代班"), [Asked()], validate_choice=False)
    posts = SelectMultipleField(_l("代哪些岗位"), [Asked()], validate_choice=False)
    since = DateField(_l("从哪一天起"), [Asked()])
    until = DateField(_l("到哪一天止"), [Asked()], description=_l("到期自动结束，不用再办。"))
    reason = StringField(_l("原因"), [Asked()], description=_l("例如年休假、外出培训，会记入经过。"))


def day(field: Any, *, name: str = "") -> date | None:
    """The date that was typed; nonsense is said, never taken for an empty box."""
    raw = (field.raw_data or [""])[0].strip() if field.raw_data else ""
    if not raw:
        return None
    try:
        return date.fromisoformat(raw)
    except ValueError as problem:
        raise InvalidInput(
            f"“{field.label.text}”请写成 2026-03-05 的样子，且这一天必须存在。", {name or field.short_name: "日期不对"}
        ) from problem
