"""What the tests of one process share because nothing of an office is in it: compiled templates and compiled statements.

Every test has an application and a database of its own. Compiling the same templates and the same SQL again for each of them was a fifth of
what the whole run cost.
"""

from __future__ import annotations

from types import CodeType

from jinja2.bccache import Bucket, BytecodeCache
from sqlalchemy import Engine
from sqlalchemy.util import LRUCache

from blueprints.unit_of_work import Daiban

# More than one application asks in its life: the statements of all areas pass through one process.
STATEMENTS = 2_000


class Templates(BytecodeCache):
    """Templates as compiled once; a template that has changed since has another checksum and is compiled again."""

    def __init__(self) -> None:
        self.codes: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self.codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        assert bucket.code is not None
        self.codes[bucket.key, bucket.checksum] = bucket.code


def share_templates() -> None:
    """From now on every application of this process takes its templates from one place."""
    Daiban.jinja_options = {**Daiban.jinja_options, "bytecode_cache": Templates()}


class Statements:
    """SQL as compiled once for the dialect of the first engine, for all engines of the same dialect and driver."""

    def __init__(self, first: Engine) -> None:
        # An engine that has connected knows what its server can do; the others are of the same make.
        self.dialect, self.compiled = first.dialect, LRUCache(STATEMENTS)

    def lend(self, engine: Engine) -> None:
        assert type(engine.dialect) is type(self.dialect)
        engine.dialect, engine._compiled_cache = self.dialect, self.compiled
