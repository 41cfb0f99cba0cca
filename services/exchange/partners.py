"""Who exchanges with us: entered by an administrator, confirmed by voice, stopped or withdrawn; without that nothing travels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Engine, or_, select
from sqlalchemy.orm import Session

from models.agency import Agency
from models.base import now
from models.exchange import Envelope, Partner, PartnerKey
from models.person import Person
from process import clock, journal, outbox, transactions
from process.access import Actor
from process.inputs import clean_text
from process.refusals import Conflict, Forbidden, InvalidInput, NotAvailable, NotFound
from services.exchange import keys
from services.exchange.keys import Card, Ring, read_card

STREAM = "exchange"
SEND = "exchange.send"
OVERDUE = "exchange.overdue"
# From here on a missing receipt is everybody's business, not only the line's.
RECEIPT_WITHIN = timedelta(hours=4)
ADMINISTRATOR = "system_admin"


def top(session: Session) -> Agency | None:
    """The unit under which this whole installation lies; a city that only frames its single district stands above it."""
    below: dict[str | None, list[str]] = {}
    for agency_id, parent_id in session.execute(select(Agency.id, Agency.parent_id).where(Agency.kind != "grid")):
        below.setdefault(parent_id, []).append(agency_id)
    found = None
    while len(below.get(found, ())) == 1:
        (found,) = below[found]
    return session.get(Agency, found) if found is not None else None


def is_administrator(session: Session, actor: Actor) -> bool:
    """Keys and partners are the whole installation's: a street's administrator has no say in them."""
    if ADMINISTRATOR not in actor.roles:
        return False
    whole = top(session)
    return actor.holds(ADMINISTRATOR, whole.path if whole is not None else "/")


def require_administrator(session: Session, actor: Actor) -> None:
    if is_administrator(session, actor):
        return
    whole = top(session)
    raise Forbidden(
        f"通办伙伴和密钥关系到整套系统，只由{whole.name}的系统管理员管理。请联系他们办理。"
        if whole is not None
        else "通办伙伴和密钥关系到整套系统，只由最上级单位的系统管理员管理。请联系他们办理。"
    )


def one(session: Session, partner_id: int) -> Partner:
    found = session.get(Partner, partner_id)
    if found is None:
        raise NotFound("没有找到这个通办伙伴，请从“通办伙伴”页重新进入。")
    return found


def any_known(engine: Engine) -> bool:
    """Does anybody know this installation? Asked apart from any transaction under way."""
    with transactions.reading(), engine.connect() as connection:
        return connection.execute(select(Partner.id).limit(1)).first() is not None


def all_partners(session: Session) -> Sequence[Partner]:
    return session.scalars(select(Partner).order_by(Partner.name, Partner.id)).all()


def open_partners(session: Session) -> list[Partner]:
    """Those with whom something may be exchanged now."""
    return [partner for partner in all_partners(session) if is_open(partner)]


def is_open(partner: Partner) -> bool:
    return partner.stopped_at is None and key_of(partner) is not None


def require_open(partner: Partner) -> None:
    if partner.stopped_at is not None:
        raise NotAvailable(f"与“{partner.name}”的通办已停用，现在不能推送。请联系系统管理员。")
    if key_of(partner) is None:
        raise NotAvailable(f"“{partner.name}”的密钥还没有核对，不能推送。请系统管理员先与对方念读核对。")


# --- Keys of others


def key_of(partner: Partner) -> PartnerKey | None:
    """The confirmed key in force, the newest if there are several."""
    valid = [key for key in partner.keys if key.confirmed_at and not key.revoked_at and not key.ended_at]
    return valid[-1] if valid else None


def card_of(key: PartnerKey) -> Card:
    return read_card(key.card)


def cards(partner: Partner) -> list[Card]:
    """Every confirmed key that was not withdrawn: receipts and letters under way may still bear an older one."""
    return [card_of(key) for key in reversed(partner.keys) if key.confirmed_at and not key.revoked_at]


def enter(session: Session, actor: Actor, data: Mapping[str, Any]) -> Partner:
    """A new partner as it was written down; until both fingerprints were read aloud nothing is exchanged with it."""
    require_administrator(session, actor)
    card, errors = _card(data)
    name, url = _name_and_url(data, errors)
    if errors or card is None:
        raise InvalidInput("还不能登记：" + "；".join(errors.values()), errors)
    known = session.scalar(select(Partner).where(Partner.installation == card.installation))
    if known is not None:
        raise Conflict(f"这张密钥卡的系统已登记为“{known.name}”。要换密钥，请到该伙伴的页面登记新卡。")
    partner = Partner(installation=card.installation, name=name, base_url=url, created_by_id=actor.person_id)
    session.add(partner)
    session.flush()
    _add_key(session, actor, partner, card)
    _note(session, actor, partner, "enter", url=url, key=card.key_id)
    return partner


def add_key(session: Session, actor: Actor, partner: Partner, data: Mapping[str, Any]) -> PartnerKey:
    """The partner has changed its keys: the new card waits for being read aloud, the old key holds until then."""
    require_administrator(session, actor)
    card, errors = _card(data)
    if card is None:
        raise InvalidInput("还不能登记：" + "；".join(errors.values()), errors)
    if card.installation != partner.installation:
        raise InvalidInput(
            f"这张密钥卡不是“{partner.name}”那套系统的。换密钥时系统编号不变；如是另一套系统，请作为新伙伴登记。",
            {"card": "不是这个伙伴的密钥卡"},
        )
    if any(key.key_id == card.key_id for key in partner.keys):
        raise Conflict("这张密钥卡已经登记过，不用再登记。")
    key = _add_key(session, actor, partner, card)
    _note(session, actor, partner, "key", key=card.key_id)
    return key


def _card(data: Mapping[str, Any]) -> tuple[Card | None, dict[str, str]]:
    try:
        card = read_card(str(data.get("card") or ""))
    except InvalidInput as refusal:
        return None, {"card": refusal.detail}
    if card.installation == keys.ring().card.installation:
        return None, {"card": "这是本系统自己的密钥卡，请粘贴对方的"}
    return card, {}


def _name_and_url(data: Mapping[str, Any], errors: dict[str, str]) -> tuple[str, str]:
    name = url = ""
    try:
        name = clean_text(data.get("name") or "", 40)
        if not name:
            errors["name"] = "请填写对方的名称，例如“海宁市”"
    except ValueError as problem:
        errors["name"] = f"名称{problem}"
    try:
        url = clean_text(data.get("base_url") or "", 200).rstrip("/")
        parts = urlsplit(url)
        if (
            parts.scheme not in ("http", "https")
            or not parts.hostname
            or parts.query
            or parts.fragment
            or parts.username
        ):
            raise ValueError("不对")
        _ = parts.port
    except ValueError:
        errors["base_url"] = "地址应像 https://tongban.example.cn，由对方管理员告知"
    return name, url


def _add_key(session: Session, actor: Actor, partner: Partner, card: Card) -> PartnerKey:
    key = PartnerKey(partner=partner, key_id=card.key_id, card=card.text, entered_by_id=actor.person_id)
    session.add(key)
    session.flush()
    return key


def confirm(session: Session, actor: Actor, partner: Partner, key_id: str, typed: str) -> PartnerKey:
    """Both have read the digits to each other. Whoever confirms types the last group as heard, not as seen."""
    require_administrator(session, actor)
    key = next((k for k in partner.keys if k.key_id == key_id), None)
    if key is None or key.revoked_at is not None:
        raise NotFound("没有找到要核对的密钥，请刷新后再看。")
    if key.confirmed_at is not None:
        raise NotAvailable("这个密钥已经核对过了。")
    heard = "".join(c for c in str(typed).translate(_DIGITS_HEARD) if c.isdigit())
    expected = "".join(card_of(key).groups)
    if heard != expected:
        raise InvalidInput(
            "与密钥算出的数字不一致，没有确认。请对方再念一遍；仍不一致的，密钥卡可能在路上被换过，请另换一条路重新取卡。",
            {"heard": "与密钥算出的数字不一致"},
        )
    at = now()
    previous = key_of(partner)
    key.confirmed_at, key.confirmed_by_id = at, actor.person_id
    if previous is not None:
        previous.ended_at = at
    _note(session, actor, partner, "confirm", key=key.key_id, ended=previous.key_id if previous else None)
    session.flush()
    wake(session, partner)
    if is_open(partner):
        from services.exchange import items

        items.send_list(session, partner)
    return key


_DIGITS_HEARD = {
    **{0xFF10 + n: str(n) for n in range(10)},
    **{ord(word): str(number) for number, word in enumerate("零一二三四五六七八九")},
    ord("〇"): "0",
    ord("幺"): "1",
    ord("两"): "2",
}


def revoke(session: Session, actor: Actor, partner: Partner, key_id: str, reason: str) -> None:
    """The key may be in wrong hands: from this moment nothing signed with it is believed."""
    require_administrator(session, actor)
    key = next((k for k in partner.keys if k.key_id == key_id), None)
    if key is None:
        raise NotFound("没有找到这个密钥，请刷新后再看。")
    if key.revoked_at is not None:
        raise NotAvailable("这个密钥已经作废了。")
    key.revoked_at, key.revoked_reason = now(), _reason(reason, "作废密钥")
    _note(session, actor, partner, "revoke", key=key.key_id)


def stop(session: Session, actor: Actor, partner: Partner, reason: str) -> None:
    """Nothing is sent or received until somebody resumes; what waits stays."""
    require_administrator(session, actor)
    if partner.stopped_at is not None:
        raise NotAvailable("已经停用了。")
    partner.stopped_at, partner.stopped_reason = now(), _reason(reason, "停用")
    _note(session, actor, partner, "stop")


def resume(session: Session, actor: Actor, partner: Partner) -> None:
    require_administrator(session, actor)
    if partner.stopped_at is None:
        raise NotAvailable("没有停用。")
    partner.stopped_at, partner.stopped_reason = None, ""
    _note(session, actor, partner, "resume")
    wake(session, partner)


def move(session: Session, actor: Actor, partner: Partner, data: Mapping[str, Any]) -> None:
    """The partner answers at another address, or is called otherwise."""
    require_administrator(session, actor)
    errors: dict[str, str] = {}
    name, url = _name_and_url(data, errors)
    if errors:
        raise InvalidInput("还不能保存：" + "；".join(errors.values()), errors)
    partner.name, partner.base_url = name, url
    _note(session, actor, partner, "move", url=url)
    wake(session, partner)


def rotate(session: Session, actor: Actor, *, sure: bool) -> Ring:
    """Our own key changes: every partner must read it aloud again; until then their old letters still open."""
    require_administrator(session, actor)
    if not sure:
        raise InvalidInput("更换本系统的密钥后，每个伙伴都要重新核对。确定要换，请先勾选。", {"sure": "请勾选"})
    ring = keys.rotate(now())
    journal.record(session, "partner:rotate", actor, stream=STREAM, details={"key": ring.card.key_id})
    return ring


def retry(session: Session, actor: Actor, partner: Partner) -> None:
    """Somebody does not want to wait for the next attempt."""
    require_administrator(session, actor)
    wake(session, partner)
    _note(session, actor, partner, "retry")


def wake(session: Session, partner: Partner) -> None:
    """What waits is tried at once, whatever pause the last failure had set."""
    partner.next_try_at = None
    session.flush()
    outbox.put(session, SEND, partner_id=partner.id)


def _reason(text: str, what: str) -> str:
    try:
        reason = clean_text(text or "", 200)
    except ValueError as problem:
        raise InvalidInput(f"{what}的理由{problem}。", {"reason": str(problem)}) from problem
    if not reason:
        raise InvalidInput(f"请写明为什么{what}，以后查得到。", {"reason": "请写明理由"})
    return reason


def _note(session: Session, actor: Actor, partner: Partner, action: str, **details: Any) -> None:
    journal.record(
        session, f"partner:{action}", actor, stream=STREAM, details={"partner": partner.installation, **details}
    )


# --- What waits


def waiting(session: Session, partner: Partner, limit: int = 50) -> Sequence[Envelope]:
    """Letters without a receipt, in the order in which they will go."""
    return session.scalars(
        select(Envelope)
        .where(Envelope.partner_id == partner.id, Envelope.direction == "out", Envelope.status == "waiting")
        .order_by(Envelope.seq)
        .limit(limit)
    ).all()


def _above(session: Session) -> list[str]:
    """The paths at which a post covers the whole installation."""
    whole = top(session)
    names = whole.path.strip("/").split("/") if whole is not None else []
    return ["/", *("/" + "/".join(names[:end]) + "/" for end in range(1, len(names) + 1))]


def administrators(session: Session) -> list[Person]:
    """Whom the state of a line concerns."""
    from models.person import Grant

    today = clock.local_day(now())
    found = session.scalars(
        select(Person)
        .join(Grant, Grant.person_id == Person.id)
        .where(
            Grant.role == ADMINISTRATOR,
            Grant.place_path.in_(_above(session)),
            Person.active.is_(True),
            or_(Grant.since.is_(None), Grant.since <= today),
            or_(Grant.until.is_(None), Grant.until >= today),
        )
        .distinct()
        .order_by(Person.id)
        .limit(20)
    )
    return list(found)
