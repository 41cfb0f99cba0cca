"""The child that lays out hostile papers is watched from outside: which files does it open, whom does it call?"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from services.papers.definition import ROOT

from .conftest import Listener

PRINT = """
import os, sys
from services.papers import samples
from services.papers.child import Limits
from services.papers.definition import load
from services.papers.errors import PaperError
from services.papers.renderer import RenderService

port = sys.argv[1]
base = f"http://127.0.0.1:{port}"
channels = (
    f"<img src={base}/a>", f"<link rel=stylesheet href={base}/b>", f"<style>@import '{base}/c'</style>",
    f"url({base}/d)", f"<svg><image href='{base}/e'/>", "<img src=file:///etc/passwd>",
    "<link rel=attachment href=file:///etc/hostname>", f"<object data={base}/f>", "{% include '/etc/passwd' %}",
)
service = RenderService()
paper = load("handover_list")
sample = samples.load_sample(paper)
service.warm([paper])
# Once as it is, so that what is read once per process is read before the watch begins.
service.render(paper, sample, draft=False, verify_url=samples.SAMPLE_URL)
try:
    os.stat("/watch-begins")
except FileNotFoundError:
    pass
for turn in range(len(channels)):
    data = samples.hostile_sample(paper, sample, channels[turn:] + channels[:turn])
    try:
        service.render(paper, data, draft=False, verify_url=samples.SAMPLE_URL, limits=Limits(network=True))
    except PaperError as refused:
        print("refused", refused)
try:
    os.stat("/watch-ends")
except FileNotFoundError:
    pass
"""
# Parts of the product and of Python itself, which every paper reads; nothing that a field could name.
ALLOWED = re.compile(
    r"(?:\.py|\.pyc|\.so[.\d]*|\.icc|\.css|\.html|\.ttf|/statm|\.png|\.jpg)$|^/usr/lib/|/site-packages/"
)
FILE = re.compile(r'(?:open|openat)\([^"]*"([^"]*)".*= \d+$')


def test_hostile_fields_open_no_file_and_call_nobody(listener: Listener, tmp_path: Path) -> None:
    strace = shutil.which("strace")
    if not strace:
        pytest.skip("strace is not installed, so the system calls of the renderer cannot be watched")
    log = tmp_path / "calls"
    command = [strace, "-f", "-qq", "-e", "trace=%file,%network", "-o", str(log)]
    program = [sys.executable, "-c", PRINT, str(listener.port)]
    trial = subprocess.run([*command, "true"], capture_output=True, text=True)
    if trial.returncode:
        pytest.skip(f"strace may not watch processes here: {trial.stderr.strip()}")
    done = subprocess.run([*command, *program], cwd=ROOT.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    calls = log.read_text("utf-8", errors="replace")
    watched = calls[calls.index("/watch-begins") : calls.index("/watch-ends")]
    opened = [found[1] for line in watched.splitlines() if (found := FILE.search(line))]
    assert [name for name in opened if not ALLOWED.search(name)] == []
    assert not re.search(r"\b(?:socket|connect|sendto)\(", watched)
    assert listener.hits == 0
