"""The claim in the square code: read back by an independent reader, from a worn print, and refused when anything differs."""

from __future__ import annotations

import base64
import io
import math
import shutil
import subprocess
from datetime import date
from random import Random

import cbor2
import pytest
import zxingcpp
from PIL import Image, ImageFilter
from pycose.algorithms import Es256
from pycose.headers import KID, Algorithm
from pycose.keys import EC2Key
from pycose.messages import Sign1Message

from services.papers import qr, samples
from services.papers.definition import load
from services.papers.renderer import warm
from services.trust import claims, keystore
from services.trust.claims import Facts

CODE = "8F3KQ2MX7T1A_-3KQ2MX7T"
FACTS = Facts("生育登记服务卡", "SY-DX-2026-00015", date(2026, 11, 22), "林*、阿*", "东新街道行政服务中心")
ADDRESS = f"https://daiban.example.cn/verify/{CODE}"
# What the paper shows it at; the page's style sheet says the same (see the test of the drawn card).
MODULE_MM = 0.4
# A camera takes as many in a fifth of a second.
FRAMES = 6


def raw(digits: str) -> bytes:
    number = int(digits)
    return number.to_bytes((number.bit_length() + 7) // 8)[1:]


def test_an_independent_reader_of_cose_agrees(app) -> None:
    digits = claims.write(CODE, FACTS)
    (key,) = cbor2.loads(claims.cose_keys())
    message = Sign1Message.from_cose_obj(cbor2.loads(raw(digits)), allow_unknown_attributes=False)
    assert message.phdr[Algorithm] == Es256 and message.phdr[KID] == key[2]
    message.key = EC2Key(crv="P_256", x=key[-2], y=key[-3])
    message.external_aad = CODE.encode()
    assert message.verify_signature()
    message.external_aad = CODE[::-1].encode()
    assert not message.verify_signature(), "a claim fits only the code it was made for"
    assert cbor2.loads(message.payload)[claims.NUMBER] == FACTS.number


def test_what_was_written_is_read_and_nothing_else_is(app) -> None:
    digits = claims.write(CODE, FACTS)
    assert claims.write(CODE, FACTS) == digits, "the same facts and key give the same digits"
    facts, key = claims.read(CODE, digits)
    assert facts == FACTS and key == keystore.ring().current(keystore.CLAIM)
    luck = Random(7)
    for _ in range(60):
        place = luck.randrange(len(digits))
        other = digits[:place] + str((int(digits[place]) + luck.randrange(1, 10)) % 10) + digits[place + 1 :]
        with pytest.raises(claims.NoClaim):
            claims.read(CODE, other)
    for wrong in ("", "1", "٣" * 40, "x" * 40, digits + "1", digits[:-1], "9" * 1300, digits[:40]):
        with pytest.raises(claims.NoClaim):
            claims.read(CODE, wrong)
    with pytest.raises(claims.NoClaim):
        claims.read("A" * 22, digits)


def test_a_replaced_key_still_checks_and_a_withdrawn_one_says_so(app) -> None:
    from models.base import now

    digits = claims.write(CODE, FACTS)
    keystore.rotate(keystore.CLAIM, now(), reason="更换")
    facts, key = claims.read(CODE, digits)
    assert facts == FACTS and key.ended is not None and key.revoked is None
    assert claims.write(CODE, FACTS) != digits
    keystore.rotate(keystore.CLAIM, now(), revoke=True, reason="遗失")
    listed = {one["kid"]: one for one in claims.jwks()}
    assert len(listed) == 3 and sum(one["revoked"] is not None for one in listed.values()) == 1
    assert len(cbor2.loads(claims.cose_keys())) == 2


def worn(picture: Image.Image, luck: Random) -> Image.Image:
    """A card that was carried for years: grey, scratched, rubbed, with a stain in the middle of the code."""
    wide = Image.new("L", (picture.width + 60, picture.height + 60), 255)
    wide.paste(picture, (30, 30))
    wide = Image.eval(wide, lambda value: 70 + value * 130 // 255)
    pixels = wide.load()
    assert pixels is not None
    for _ in range(wide.width * wide.height // 50):
        pixels[luck.randrange(wide.width), luck.randrange(wide.height)] = luck.randrange(60, 220)
    for _ in range(3):
        row = luck.randrange(wide.height)
        wide.paste(luck.choice([80, 190]), (0, row, wide.width, row + 1))
    side = wide.width // 10
    left, top = wide.width // 2, wide.height // 2
    wide.paste(150, (left, top, left + side, top + side))
    return wide


def seen(card: Image.Image, luck: Random) -> Image.Image:
    """One frame of a telephone's camera: a little out of focus, a little askew, 300 dots to the inch."""
    frame = card.filter(ImageFilter.GaussianBlur(luck.uniform(0.8, 1.8)))
    turned = frame.rotate(luck.uniform(-5, 5), expand=True, fillcolor=200, resample=Image.Resampling.BICUBIC)
    return turned.resize((turned.width // 2, turned.height // 2), Image.Resampling.BOX)


def test_the_code_is_small_enough_for_a_card_and_survives_wear(app) -> None:
    """An ordinary claim takes 65 dots a side at most, so that 28 mm hold dots of 0.4 mm; a camera reads it from a worn card."""
    text = f"{ADDRESS}#{claims.write(CODE, FACTS)}"
    picture = Image.open(io.BytesIO(base64.b64decode(qr.data_uri(text).partition(",")[2])))
    dots = dots_of(picture)
    assert dots <= 65, f"{dots} dots"
    printed = round((dots + 4) * MODULE_MM / 25.4 * 600)
    sharp = picture.convert("L").resize((printed, printed), Image.Resampling.BOX)
    for number in range(8):
        luck = Random(f"20261122-{number}")
        card = worn(sharp, luck)
        frames = (zxingcpp.read_barcodes(seen(card, luck)) for _ in range(FRAMES))
        assert any(found and found[0].text == text for found in frames), f"card {number}: not read in {FRAMES} frames"


def test_the_code_of_a_drawn_card_is_read_from_a_raster(app, tmp_path) -> None:
    """Page and back of the real card at 150 dots to the inch, by a second program; its dots are 0.4 mm."""
    zbar, poppler = shutil.which("zbarimg"), shutil.which("pdftoppm")
    if not zbar or not poppler:
        pytest.skip("zbar-tools or poppler-utils is not installed, so the code cannot be read with a second program")
    text = f"{ADDRESS}#{claims.write(CODE, FACTS)}"
    for kind in ("senior_card", "fertility_registration_card"):
        paper = load(kind)
        pdf = warm().render(paper, samples.load_sample(paper), draft=False, verify_url=text)
        (tmp_path / "card.pdf").write_bytes(pdf)
        subprocess.run([poppler, "-r", "150", "-png", tmp_path / "card.pdf", tmp_path / kind], check=True)
        said = subprocess.run(
            [zbar, "-q", "--raw", *sorted(tmp_path.glob(f"{kind}-*.png"))], capture_output=True, text=True, check=False
        ).stdout.split()
        assert text in said, kind
        # Lines of a table are now and then taken for a code with bars; only the square one is meant.
        square = zxingcpp.BarcodeFormat.QRCode
        pages = sorted(tmp_path.glob(f"{kind}-*.png"))
        (code,) = [found for one in pages for found in zxingcpp.read_barcodes(Image.open(one), formats=square)]
        corners = code.position
        side = (
            math.dist((corners.top_left.x, corners.top_left.y), (corners.top_right.x, corners.top_right.y)) / 150 * 25.4
        )
        dots = dots_of(Image.open(io.BytesIO(base64.b64decode(qr.data_uri(text).partition(",")[2]))))
        assert side / dots >= MODULE_MM - 0.012, f"{kind}: {side / dots:.3f} mm"


def dots_of(picture: Image.Image) -> int:
    """Dots a side, without the quiet zone."""
    return picture.width // qr.SCALE - 2 * qr.QUIET
