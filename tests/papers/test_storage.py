"""Files are whole or absent, found by their content, and what nobody owns goes after a day."""

from __future__ import annotations

import hashlib
import io
import multiprocessing
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from services.storage import FileStore, FileTooLarge


def test_content_is_kept_once_under_its_hash(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "files")
    key = store.put(b"paper", "application/pdf")
    assert key == hashlib.sha256(b"paper").hexdigest()
    assert store.put(io.BytesIO(b"paper"), "application/pdf") == key
    assert list(store.keys()) == [key] and store.exists(key) and store.size(key) == 5
    with store.open(key) as stream:
        assert stream.read() == b"paper"
    assert store.read(key) == b"paper" and store.path(key).read_bytes() == b"paper"
    assert store.path(key).stat().st_mode & 0o077 == 0


def test_keys_are_never_paths(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "files")
    (tmp_path / "secret").write_text("x")
    for key in ("../secret", "/etc/passwd", "", "a" * 63, "A" * 64, "a" * 64 + "\n", "g" * 64):
        assert not store.exists(key)
        with pytest.raises(FileNotFoundError):
            store.open(key)


def test_a_damaged_file_is_noticed(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    key = store.put(b"paper")
    store.path(key).write_bytes(b"other")
    with pytest.raises(OSError, match="damaged"):
        store.read(key)


def test_too_long_or_broken_streams_leave_nothing(tmp_path: Path) -> None:
    store = FileStore(tmp_path)

    class Broken(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            raise ConnectionError("gone")

    with pytest.raises(FileTooLarge):
        store.put(io.BytesIO(b"x" * 5_000_000), max_bytes=1_000_000)
    with pytest.raises(ConnectionError):
        store.put(Broken())  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_written_through_before_the_name_exists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """fsync of the file, then rename, then fsync of the folder: a power cut leaves a whole file or none."""
    steps: list[str] = []
    fsync, replace = os.fsync, os.replace

    def note_fsync(descriptor: int) -> None:
        steps.append("folder" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "file")
        fsync(descriptor)

    def note_replace(source: Any, target: Any) -> None:
        assert Path(source).stat().st_dev == Path(target).parent.stat().st_dev
        steps.append("rename")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "replace", note_replace)
    FileStore(tmp_path).put(b"paper")
    assert steps == ["file", "folder", "rename", "folder"]


def test_sweep_takes_old_orphans_only_and_names_what_is_missing(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    kept, orphan, young = (store.put(text) for text in (b"kept", b"orphan", b"young"))
    half = tmp_path / ".incoming-dead"
    half.write_bytes(b"half")
    old = time.time() - 25 * 3600
    for path in (store.path(kept), store.path(orphan), half):
        os.utime(path, (old, old))
    swept = store.sweep({kept, "f" * 64})
    assert swept.orphans == [orphan] and swept.temporary == 1 and swept.missing == ["f" * 64]
    assert store.exists(kept) and store.exists(young) and not store.exists(orphan)


def test_putting_an_old_orphan_again_saves_it_from_the_sweep(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    key = store.put(b"again")
    os.utime(store.path(key), (1, 1))
    store.put(b"again")
    assert store.sweep(set()).orphans == [] and store.exists(key)


def _write_forever(root: str, report: Any) -> None:
    store, number = FileStore(root), 0
    while True:
        number += 1
        content = os.urandom(300_000)
        report.send(store.put(content))


@pytest.mark.drill
def test_killed_writers_leave_only_whole_files(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    acknowledged: set[str] = set()
    for delay in (0.4, 0.7, 1.1):
        ours, theirs = context.Pipe(duplex=False)
        writer = context.Process(target=_write_forever, args=(str(tmp_path), theirs))
        writer.start()
        theirs.close()
        acknowledged.add(ours.recv())
        time.sleep(delay)
        os.kill(writer.pid or 0, signal.SIGKILL)
        writer.join()
        while ours.poll():
            try:
                acknowledged.add(ours.recv())
            except EOFError:
                break
        ours.close()
        writer.close()
    store = FileStore(tmp_path)
    assert acknowledged and acknowledged <= set(store.keys())
    for key in set(store.keys()):
        assert hashlib.sha256(store.read(key)).hexdigest() == key
