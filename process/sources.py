"""The text of a definition, read without trusting it: no depth that breaks the reader, no names that stand for a million lines."""

from __future__ import annotations

import math
import unicodedata
from typing import Any

import yaml

from process.refusals import DefinitionError

DEEPEST = 20
MOST_VALUES = 50_000
LONGEST = 2_000
# libyaml reads ten times faster, and every process reads the definitions at its start.
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):
    """Of two values under one name YAML keeps the last and says nothing; here the second one is told."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Any:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"'{key.value[:60]}' stands twice, keep one of the two", key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def read(text: str, file: str, *, from_outside: bool = True) -> Any:
    """What a YAML text says, in mappings, lists, texts, numbers and truths only. Raises DefinitionError with the line or key.

    `from_outside`: typed or uploaded, so its depth is measured before anything recurses over it."""
    try:
        if from_outside:
            _measure_depth(text, file)
        data = yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        position = getattr(error, "position", None)
        line = mark.line + 1 if mark else text.count("\n", 0, position) + 1 if isinstance(position, int) else None
        said = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
        where = f"line {line}" if line else "(file)"
        raise DefinitionError(file, where, "is not readable YAML", f"mend this: {said}") from error
    except (ValueError, TypeError, RecursionError) as error:
        # A date that does not exist, a list as the name of a value.
        raise DefinitionError(file, "(file)", "is not readable YAML", f"mend this: {error}") from error
    _weigh(data, file)
    return data


def _measure_depth(text: str, file: str) -> None:
    """A hundred thousand brackets make the reader of libyaml fall over, and this process with it."""
    depth = 0
    for event in yaml.parse(text, Loader=_Base):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                line = f"line {event.start_mark.line + 1}" if event.start_mark else "(file)"
                raise DefinitionError(file, line, f"is nested deeper than {DEEPEST}", "a process needs about seven")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _weigh(data: Any, file: str) -> None:
    """What is small as text may be huge as data, or go round in a circle; what no database keeps is found here too."""
    queue: list[tuple[str, Any, int]] = [("", data, 0)]
    count = 0
    while queue:
        key, value, depth = queue.pop()
        count += 1
        if count > MOST_VALUES or depth > DEEPEST:
            raise DefinitionError(
                file, key or "(top)", "says too much through aliases", "write out what you mean, without & and *"
            )
        if isinstance(value, dict):
            for name, part in value.items():
                if not isinstance(name, str):
                    raise DefinitionError(
                        file, f"{key}.{name}".strip("."), "a key must be text", f"put it in quotes: '{name}'"
                    )
                _check_text(name, f"{key}.{name}".strip("."), file)
                queue.append((f"{key}.{name}".strip("."), part, depth + 1))
        elif isinstance(value, list):
            queue += [(key, part, depth + 1) for part in value]
        elif isinstance(value, str):
            _check_text(value, key, file)
        elif not (
            value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value))
        ):
            raise DefinitionError(
                file, key or "(top)", f"cannot be a {type(value).__name__}", "text in quotes, a number, true or false"
            )


def _check_text(text: str, key: str, file: str) -> None:
    if len(text) > LONGEST:
        raise DefinitionError(file, key[:200], f"is longer than {LONGEST} characters", "say it in fewer words")
    if not text.isprintable() and any(unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t" for c in text):
        raise DefinitionError(
            file, ascii(key[:200]).strip("'"), "holds a character nobody can read", "leave control characters out"
        )
