"""What is asked when an errand is posted by hand."""

from __future__ import annotations

from typing import Any

from flask_babel import get_locale
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import (
    DateTimeLocalField,
    HiddenField,
    IntegerField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
)
from wtforms.validators import Optional

from blueprints.dynamic_forms import Asked
from models.agency import Agency
from services.errand_kinds import NEEDS
from services.errand_posting import purposes


class ErrandForm(FlaskForm):
    """Checks nothing itself: the service names every mistake, and what was typed stays."""

    class Meta:
        csrf = False  # the application checks the token of every POST before any form is read

    title = StringField(
        _l("要做什么"), [Asked()], description=_l("会挂在任务板上，不写姓名、电话和门牌，例如“送老年卡”")
    )
    purpose = RadioField(_l("类别"), [Asked()], validate_choice=False)
    from_agency = SelectField(_l("从哪里取"), [Asked()], validate_choice=False)
    from_address = StringField(_l("取件地址"), [Optional()], description=_l("到居民家取才填，认领的跑腿工才看得到"))
    to_agency = SelectField(
        _l("送到哪里"), [Asked()], validate_choice=False, description=_l("送到居民家的，选所在社区")
    )
    to_address = StringField(_l("送达地址"), [Optional()], description=_l("认领的跑腿工才看得到"))
    contact = StringField(_l("联系人和电话"), [Optional()], description=_l("认领的跑腿工才看得到"))
    envelopes = IntegerField(_l("件数"), [Asked()], default=1)
    needs = SelectMultipleField(
        _l("到场还要做的"),
        [Optional()],
        validate_choice=False,
        description=_l("这一类任务本来要做的会自动加上；去独居老人家的请勾“两人同去”"),
    )
    window_end = DateTimeLocalField(
        _l("最晚送达"), [Optional()], format="%Y-%m-%dT%H:%M", description=_l("不填就是下一个工作日 17:30")
    )
    related = HiddenField()

    def __init__(self, desks: list[Agency], *, related: str = "", **usual: Any) -> None:
        super().__init__(data={"related": related, "purpose": "deliver_result", **usual})
        places = [("", _l("请选择")), *((d.id, d.name) for d in desks)]
        self.from_agency.choices = self.to_agency.choices = places
        self.purpose.choices = list(purposes(str(get_locale())).items())
        self.needs.choices = [(key, _l(title)) for key, title in NEEDS.items()]

    def typed(self) -> dict[str, Any]:
        """As it was typed, so that the service's own sentence about an impossible date is shown."""
        values: dict[str, Any] = {}
        for field in self:
            raw = (
                field.raw_data[0]
                if field.raw_data and isinstance(field, DateTimeLocalField | IntegerField)
                else field.data
            )
            if raw not in (None, "", []):
                values[field.short_name] = raw
        return values
