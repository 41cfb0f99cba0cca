"""An address that is compiled late is the address that Werkzeug would have compiled at once."""

from __future__ import annotations

from flask import Flask
from werkzeug.routing import AnyConverter, IntegerConverter, Map, PathConverter, Rule

from blueprints.late_rules import LateRule


def value_for(rule: Rule, argument: str) -> object:
    converter = rule._converters[argument]
    if isinstance(converter, IntegerConverter):
        return 7
    if isinstance(converter, AnyConverter):
        return min(converter.items)
    return "甲/b c" if isinstance(converter, PathConverter) else "甲 b?c"


def test_every_late_address_is_built_as_at_once(app: Flask) -> None:
    rules = list(app.url_map.iter_rules())
    assert all(type(rule) is LateRule for rule in rules)
    assert any(rule.arguments for rule in rules)
    at_once = Map(converters=app.url_map.converters)
    for rule in rules:
        plain = Rule(rule.rule, endpoint=rule.endpoint, methods=rule.methods, defaults=rule.defaults)
        at_once.add(plain)
        values = {name: value_for(rule, name) for name in rule.arguments - set(rule.defaults or ())}
        for given in (values, {**values, "not_in_it": "2 三"}):
            for unknown in (True, False):
                wanted = plain.build(given, append_unknown=unknown)
                assert wanted is not None
                # Asked twice: the first question compiles, the second finds what was compiled.
                assert [rule.build(given, append_unknown=unknown) for _ in range(2)] == [wanted, wanted], rule


def test_nothing_is_compiled_before_somebody_asks(app: Flask) -> None:
    rule = next(rule for rule in app.url_map.iter_rules() if rule.rule == "/healthz")
    before = rule._build_unknown
    assert rule.build({}) == ("", "/healthz")
    after = rule._build_unknown
    assert before is not after
    assert rule.build({}) == ("", "/healthz") and rule._build_unknown is after
