"""The families of the proofs and short ways through them; everybody is invented."""

from __future__ import annotations

import base64
import io
from typing import Any

from PIL import Image, ImageDraw
from sqlalchemy.orm import Session

from models.case import Case
from models.content import Content
from process import engine
from process.identity import check_character
from services import actions, record_check, record_inquiries
from tests.services.fertility import WIFE, ActorOf, ticks


def numbered(first17: str) -> str:
    """A valid ID number of an invented person."""
    return first17 + check_character(first17)


HUSBAND_NUMBER = "330103199209071013"
CHILD_2012, CHILD_2017 = numbered("33010320120618101"), numbered("33010320170412101")
PROOF = {
    "item": "marital_fertility_proof",
    "marital_status": "married",
    "marital_status_date": "2019-10-01",
    "spouse_name": "阿卜杜热西提·买买提",
    "spouse_id_number": HUSBAND_NUMBER,
    "children_count": 2,
    "children": "买买提·小满、女、2020-05-01\n穆热迪力 男 2023年11月9日",
    "purpose": "办理子女入学手续",
}
MIGRANT = {
    "item": "migrant_marital_fertility_proof",
    "marital_status": "unmarried",
    "children_count": 0,
    "destination": "新疆维吾尔自治区伊犁哈萨克自治州察布查尔锡伯自治县孙扎齐牛录镇乌珠牛录村乌珠牛录路二巷十六号",
    "period_from": "2026-12-01",
}
ONLY_CHILD = {
    "item": "only_child_honour_certificate",
    "father_name": "阿卜杜热西提·买买提",
    "father_id_number": HUSBAND_NUMBER,
    "father_unit": "示例机械厂",
    "child_name": "买买提·小满",
    "child_id_number": CHILD_2012,
}
SURVEY = {
    "item": "parents_birth_record_survey",
    "subject_name": "林秀兰",
    "subject_id_number": "440524188001010014",
    "subject_household_address": "杭州市下城区东新街道万家星城社区文晖路2幢1单元1102室",
    "relation": "母亲",
    "records_asked": "1985年至1995年间的生育登记。\n是否领取过独生子女父母光荣证。",
    "purpose": "办理退休手续",
}


def signature() -> str:
    """Some strokes on a pad."""
    picture = Image.new("RGBA", (300, 120), (0, 0, 0, 0))
    ImageDraw.Draw(picture).line([(20, 90), (80, 20), (140, 90), (260, 30)], fill="black", width=6)
    kept = io.BytesIO()
    picture.save(kept, "PNG")
    return "data:image/png;base64," + base64.b64encode(kept.getvalue()).decode()


def filed(session: Session, actor: ActorOf, answers: dict[str, Any], **changes: Any) -> Case:
    """Taken in at the street's window with everything that must be brought."""
    data = {"place": "dongxin", "applicant": dict(WIFE), **answers, **changes}
    if "materials" not in data:
        from catalogue import loader as catalogue

        data["materials"] = [
            {"code": m.id, "provided": True, "original": False, "sheets": 1}
            for m in catalogue.item(data["item"]).materials
            if m.always
        ]
    case = actions.create(session, actor("window.clerk"), "case", data)
    assert isinstance(case, Case)
    engine.fire(case, "submit", actor("window.clerk"))
    return case


def accepted(session: Session, actor: ActorOf, answers: dict[str, Any], **changes: Any) -> Case:
    case = filed(session, actor, answers, **changes)
    engine.fire(case, "accept", actor("window.clerk"))
    return case


def checked(session: Session, actor: ActorOf, case: Case) -> Case:
    record_check.note(session, case, actor("reviewer"), "same", "全员人口信息系统")
    return case


def decided(session: Session, actor: ActorOf, case: Case) -> Case:
    engine.fire(case, "review", actor("reviewer"), inputs={"materials": ticks(case)})
    engine.fire(case, "approve", actor("approver"))
    return case


def issued(session: Session, actor: ActorOf, case: Case) -> Case:
    engine.fire(decided(session, actor, case), "issue", actor("issuer"))
    return case


def asked(session: Session, actor: ActorOf, case: Case, unit: str = "dx-c01") -> Content:
    return record_inquiries.begin(session, case, actor("reviewer"), {"addressee": unit, "signature": signature()})


def answered(session: Session, actor: ActorOf, inquiry: Content) -> Content:
    engine.fire(
        inquiry,
        "answer",
        actor("community.clerk"),
        inputs={
            "result": "found",
            "finding": "经查，1988年6月登记生育第一孩，此后没有再登记。",
            "source": "《育龄妇女生育登记台账》1988年第3册第12页",
            "signature": signature(),
        },
    )
    return inquiry
