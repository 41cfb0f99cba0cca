"""What a paper is as a file: PDF/A-3 with its data inside, and the same bytes whatever was printed before."""

from __future__ import annotations

import hashlib
import io
import json
import random
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from typing import Any

import pikepdf
import pytest

from services.papers import attached, samples
from services.papers.definition import ROOT, load
from services.papers.renderer import RenderService

from .conftest import URL

SPACE = {"d": attached.NAMESPACE}
SEVERAL = ("senior_card", "fertility_registration_card", "visit_sheet", "delivery_receipt", "handover_list")


@pytest.mark.parametrize("paper_id", ("senior_card", "handover_list"))
def test_a_paper_is_pdf_a_3_with_its_data_as_an_associated_file(service: RenderService, paper_id: str) -> None:
    paper = load(paper_id)
    content = service.render(paper, samples.load_sample(paper), draft=False, verify_url=URL)
    with pikepdf.open(io.BytesIO(content)) as document:
        with document.open_metadata() as metadata:
            assert (metadata["pdfaid:part"], metadata["pdfaid:conformance"]) == ("3", "U")
        assert document.Root.OutputIntents[0].S == "/GTS_PDFA1"
        # WeasyPrint lists the one file twice, as a name and as an object.
        assert {str(one.AFRelationship) for one in document.Root.AF} == {"/Data"}
        assert len({one.objgen for one in document.Root.AF}) == 1 == len(document.attachments)
        embedded = document.Root.AF[0].EF.F
        assert str(embedded.Subtype) in ("/text/xml", "/application/xml")
        assert {"ModDate", "Size"} <= {str(key).strip("/") for key in dict(embedded.Params)}
        assert len(document.trailer.ID) == 2
        for one in document.objects:
            if isinstance(one, pikepdf.Stream) and one.get("/Subtype") == "/Image":
                assert not bool(one.get("/Interpolate", False))
            if isinstance(one, pikepdf.Dictionary) and one.get("/Type") == "/FontDescriptor":
                assert "/FontFile2" in one
        assert not any(key in document.Root for key in ("/OpenAction", "/AA", "/AcroForm"))
        body = document.attachments[attached.NAME].get_file().read_bytes()
    assert body == attached.xml(paper, samples.load_sample(paper), code="8F3K Q2MX 7T1A")


def test_the_data_says_what_the_page_says_in_forms_for_machines() -> None:
    paper = load("senior_card")
    sample = {**samples.load_sample(paper), "handler_name": "<b>&'\"]]>"}
    tree = ElementTree.fromstring(attached.xml(paper, sample, code="8F3K"))
    found = {field.get("name"): field.text for field in tree.findall("d:field", SPACE)}
    assert (tree.get("id"), tree.get("version"), tree.get("code")) == (paper.id, paper.version, "8F3K")
    assert found["birth_date"] == "1949-12-31" and found["issued_on"] == "2026-03-05"
    assert found["handler_name"] == "<b>&'\"]]>"
    assert found["photo"] == "sha256:" + hashlib.sha256(sample["photo"]).hexdigest()
    rows = ElementTree.fromstring(attached.xml(load("handover_list"), samples.load_sample(load("handover_list"))))
    lines = rows.find("d:field[@name='lines']", SPACE)
    assert lines is not None and lines.find("d:row/d:field[@name='material']", SPACE) is not None


def test_a_draft_has_no_number_in_its_data_either() -> None:
    paper = load("senior_card")
    tree = ElementTree.fromstring(attached.xml(paper, samples.load_sample(paper), draft=True))
    assert tree.get("draft") == "yes" and tree.find("d:field[@name='number']", SPACE) is None


PRINT_ALL = """
import hashlib, json, sys
from services.papers import samples
from services.papers.definition import load
from services.papers.renderer import RenderService
service = RenderService()
found = {}
for paper_id in sys.argv[1:]:
    paper = load(paper_id)
    content = service.render(paper, samples.load_sample(paper), draft=False, verify_url=samples.SAMPLE_URL)
    assert found.setdefault(paper_id, hashlib.sha256(content).hexdigest()) == hashlib.sha256(content).hexdigest()
print(json.dumps(found))
"""


def test_the_same_bytes_in_every_order_and_in_every_process() -> None:
    answers: list[Any] = []
    for seed in (1, 2):
        order = [*SEVERAL, *SEVERAL]
        random.Random(seed).shuffle(order)
        done = subprocess.run(
            [sys.executable, "-c", PRINT_ALL, *order],
            cwd=ROOT.parent,
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": str(seed), "PATH": "/usr/bin:/bin", "TZ": ("UTC", "Asia/Shanghai")[seed - 1]},
        )
        answers.append(json.loads(done.stdout))
    assert answers[0] == answers[1]
