"""承诺备案书: what is committed to, by when, what follows when it is not kept, signed by the applicant."""

from __future__ import annotations

from typing import Any

from process import clock
from services import commitments, office, papers_letters
from services.papers_common import signature
from services.papers_out import Occasion, data_for, numbered_by

PAPER = "commitment_letter"
CONSEQUENCE = (
    "到期核查没有兑现的，撤销据此作出的决定和证照，由此造成的损失自行承担；没有兑现的记录，"
    "会使今后的容缺和承诺申请在规定时间内不被接受。"
)
numbered_by(PAPER)(
    lambda occasion, data: papers_letters.letter_number(
        occasion.session, PAPER, papers_letters.writing_unit(occasion), occasion.at
    )
)


@data_for(PAPER)
def commitment_letter(occasion: Occasion) -> dict[str, Any] | None:
    """The newest commitment of the case, as it was typed in the step that makes the paper."""
    made = commitments.of_case(occasion.session, occasion.content)
    if not made:
        return None
    one = made[-1]
    return {
        **papers_letters.addressed(occasion),
        "subject": one.subject,
        "words": one.words,
        "due_on": one.due,
        "instead_of": "代替材料" if one.material_id is not None else "代替条件证明",
        "consequence": CONSEQUENCE,
        "signature": signature(occasion.session, one.signature_id),
        "signed_on": clock.local_day(occasion.at) if one.signature_id else None,
        "complaints_phone": office.complaints_phone(papers_letters.writing_unit(occasion)),
    }
