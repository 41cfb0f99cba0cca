"""Words: the file of texts refuses what says too much, and hostile words stay words."""

from __future__ import annotations

import copy

import pytest

from catalogue.messages import FILE, messages, read
from catalogue.reading import load
from catalogue.records import CatalogueError
from services.messages import wording
from services.messages.wording import EN, ZH, Facts

HOSTILE = "<script>alert(1)</script> %(phone)s {phone} %s 换行\n制表\t"


def changed(path, value):
    content = copy.deepcopy(dict(load(FILE)))
    here = content
    for part in path[:-1]:
        here = here[part]
    here[path[-1]] = value
    return content


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("occasions", "missing", "sms", "zh"), "您的残疾人证还缺照片", "残疾"),
        (("occasions", "missing", "sms", "en"), "your pregnancy card", "pregnan"),
        (("occasions", "missing", "sms", "zh"), "%(item)s还缺材料", "unknown 'item'"),
        (("occasions", "missing", "sms", "zh"), "%(id_number)s", "unknown 'id_number'"),
        (("occasions", "missing", "sms", "zh"), "号码 330103194303052043", "330103194303052043"),
        (("occasions", "missing", "sms", "zh"), "100% 完成", "begins no"),
        (("occasions", "missing", "sms", "zh"), " ", "needs words"),
        (("occasions", "missing", "sms", "zh"), "好" * 301, "at most 300"),
        (("occasions", "missing", "sms"), None, "neither"),
        (("occasions", "missing", "channels"), ["sms"], "always has it"),
        (("occasions", "missing", "channels"), ["inbox", "fax"], "unknown 'fax'"),
        (("occasions", "missing", "to"), "everybody", "unknown 'everybody'"),
        (("occasions", "clock:near", "channels"), ["inbox", "sms"], "no way to reach"),
        (("occasions", "answer", "inbox", "zh"), "%(text)s", "unknown 'text'"),
        (("occasions", "answer", "inbox", "zh"), "低保户有留言", "低保"),
        (("occasions", "answer", "colour"), "red", "unknown key"),
        (("quiet", "from"), "25:00", "no time of day"),
        (("low_mark",), 9, "low_mark"),
        (("sensitive",), [], "at least one"),
    ],
)
def test_a_text_that_says_too_much_stops_the_start(path, value, says):
    with pytest.raises(CatalogueError) as caught:
        read(changed(path, value))
    assert says in str(caught.value) and FILE in str(caught.value)


def test_every_text_is_there_in_both_languages_and_fills_completely():
    facts = Facts(
        number="DX-2026-000123",
        item="老年卡",
        reader="欧阳建平",
        phone="0571-00000101",
        lines=(("照片", "太暗"),),
        text="好",
    )
    for one in messages().occasions.values():
        for locale in (ZH, EN):
            for text in (wording.inbox(one, facts, locale), wording.sms(one, facts, locale) if one.sms else "x"):
                assert text.strip() and (one.to != "applicant" or "%(" not in text), one.id


@pytest.mark.parametrize("locale", [ZH, EN])
def test_what_people_wrote_is_never_filled_or_run(locale):
    facts = Facts(number="DX-1", reader="张伟", phone="0571-1", text=HOSTILE, lines=((HOSTILE, HOSTILE),))
    for name in ("manual", "missing"):
        one = messages().occasions[name]
        for text in (wording.inbox(one, facts, locale), wording.sms(one, facts, locale)):
            assert text.count("0571-1") <= 1, "the phone inside somebody's words stays %(phone)s"
    sms = wording.sms(messages().occasions["manual"], facts, locale)
    assert "\n" not in sms and "%(phone)s" in sms


@pytest.mark.parametrize("secret", ["带上残疾人证", "身份证号是 330103194303052043", "去医院开诊断", "x" * 400])
def test_sensitive_words_of_a_clerk_stay_in_the_portal(secret):
    one, facts = messages().occasions["manual"], Facts(number="DX-1", reader="张伟", text=secret)
    assert secret not in wording.sms(one, facts, ZH) and "请上网查看" in wording.sms(one, facts, ZH)
    assert wording.inbox(one, facts, ZH) == secret


def test_an_agency_whose_name_says_too_much_is_the_office():
    from models.agency import Agency

    agency = Agency(id="x", name="残疾人联合会", name_en="Disabled Persons' Federation", kind="street")
    text = wording.sms(messages().occasions["accepted"], Facts(number="DX-1", reader="张伟", agency=agency), ZH)
    assert "残疾" not in text and "办理单位" in text


def test_names_are_masked_and_long_texts_cut():
    one = messages().occasions["missing"]
    lines = tuple((f"第{n}份很长很长的材料名称", "") for n in range(40))
    text = wording.sms(one, Facts(number="DX-1", reader="欧阳秀英", lines=lines), ZH)
    assert text.startswith("欧阳*您好") and "40份材料" in text and len(text) <= messages().longest_sms
