"""Guard expressions of Plone definitions: the part of TALES that an imagined actor can answer. Nothing is ever executed.

An expression is read once into closures over a few known names; whatever is not known here raises Unsupported, and the
transition that carries it stays closed.
"""

from __future__ import annotations

import ast
import operator
import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Protocol

MAX_LENGTH = 4000
PREFIX = re.compile(r"([a-zA-Z][a-zA-Z0-9_]*):")


class Asked(Protocol):
    """Whom an expression asks: the imagined actor at the imagined thing."""

    state: str | None

    def roles_everywhere(self) -> tuple[str, ...]: ...
    def roles_here(self) -> tuple[str, ...]: ...
    def groups_of(self) -> tuple[str, ...]: ...
    def holds(self, permission: str) -> bool: ...


Names = Mapping[str, Any]
Rule = Callable[[Asked], Any]
Term = Callable[[Asked, Names], Any]


class Unsupported(Exception):
    """The expression needs more than an imagined actor; the reason completes 'because …'."""


def read(text: str, state_variable: str) -> Rule:
    """The expression as a function of the actor; raises Unsupported."""
    if len(text) > MAX_LENGTH:
        raise Unsupported("it is too long")
    prefix = PREFIX.match(text)
    kind, body = (prefix[1], text[prefix.end() :]) if prefix else ("path", text)
    if kind == "python":
        return _Python(state_variable).read(body.strip().replace("\n", " "))
    if kind == "not":
        inner = read(body.strip(), state_variable)
        return lambda actor: not inner(actor)
    if kind == "string":
        if "$" in body:
            raise Unsupported("a string with variables is not read")
        return lambda actor: body
    if kind == "path":
        return _path(body, state_variable)
    raise Unsupported(f"'{kind}:' is not read")


def _path(text: str, state_variable: str) -> Rule:
    """The first alternative decides: those known here always exist."""
    first = text.split("|")[0].strip()
    if PREFIX.match(first):
        raise Unsupported("this alternative is not read")
    known: dict[str, Rule] = {
        "nothing": lambda actor: None,
        "user": lambda actor: True,
        "user/getRoles": lambda actor: actor.roles_everywhere(),
        "user/getGroups": lambda actor: actor.groups_of(),
        "here/portal_membership/isAnonymousUser": lambda actor: 0,
        f"status/{state_variable}": lambda actor: actor.state,
        f"state_change/status/{state_variable}": lambda actor: actor.state,
    }
    if first not in known:
        raise Unsupported(f"'{first}' depends on a real object")
    return known[first]


COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}
# What Zope's restricted Python offers and an imagined actor needs.
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "len": len,
    "bool": bool,
    "set": set,
    "list": list,
}
THING = ("here", "object")
RESERVED = frozenset(
    {*THING, "user", "status", "state_change", "modules", "container", "folder", "nothing", *FUNCTIONS}
)


class _Python:
    """Reads `python:` by a whitelist of what a syntax tree may hold."""

    def __init__(self, state_variable: str) -> None:
        self.state_variable = state_variable

    def read(self, text: str) -> Rule:
        try:
            with warnings.catch_warnings():
                # An odd escape in somebody else's file is not for our log.
                warnings.simplefilter("ignore")
                tree = ast.parse(text, mode="eval")
            term = self.term(tree.body, frozenset())
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise Unsupported("it is not a Python expression that can be read") from error
        return lambda actor: term(actor, {})

    def term(self, node: ast.expr, local: frozenset[str]) -> Term:
        match node:
            case ast.Constant(value=None | bool() | int() | float() | str() as value):
                return lambda actor, names: value
            case ast.UnaryOp(op=ast.Not()):
                inner = self.term(node.operand, local)
                return lambda actor, names: not inner(actor, names)
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
                return lambda actor, names: -number
            case ast.BoolOp():
                return _joined([self.term(one, local) for one in node.values], isinstance(node.op, ast.And))
            case ast.Compare():
                return self.compare(node, local)
            case ast.IfExp():
                test, yes, no = (self.term(one, local) for one in (node.test, node.body, node.orelse))
                return lambda actor, names: yes(actor, names) if test(actor, names) else no(actor, names)
            case ast.Tuple() | ast.List() | ast.Set():
                return self.collection(node, local)
            case ast.ListComp() | ast.SetComp():
                return self.comprehension(node, local)
            case ast.BinOp(op=ast.BitAnd()):
                left, right = self.term(node.left, local), self.term(node.right, local)
                return lambda actor, names: left(actor, names) & right(actor, names)
            case ast.Subscript() if self.is_status(node.value) and self.is_state_name(node.slice):
                return lambda actor, names: actor.state
            case ast.Call():
                return self.call(node, local)
            case ast.Name(id=name):
                return self.name(name, local)
        raise Unsupported(f"'{ast.unparse(node)}' is not read")

    def name(self, name: str, local: frozenset[str]) -> Term:
        if name in local:
            return lambda actor, names: names[name]
        if name == "nothing":
            return lambda actor, names: None
        raise Unsupported(f"'{name}' is not known to an imagined actor")

    def compare(self, node: ast.Compare, local: frozenset[str]) -> Term:
        match node.left, node.ops, node.comparators:
            case (
                ast.Call(func=ast.Attribute(value=who, attr="getUserName"), args=[], keywords=[]),
                [ast.Eq() | ast.NotEq()],
                [ast.Constant(value="Anonymous User")],
            ) if self.is_user(who):
                # The actor has no name here, but is signed in.
                signed_in = isinstance(node.ops[0], ast.NotEq)
                return lambda actor, names: signed_in
        first = self.term(node.left, local)
        rest = [(COMPARE[type(op)], self.term(one, local)) for op, one in zip(node.ops, node.comparators, strict=True)]

        def compared(actor: Asked, names: Names) -> Any:
            left, result = first(actor, names), True
            for operate, term in rest:
                right = term(actor, names)
                result = operate(left, right)
                if not result:
                    return result
                left = right
            return result

        return compared

    def collection(self, node: ast.Tuple | ast.List | ast.Set, local: frozenset[str]) -> Term:
        kind = {ast.Tuple: tuple, ast.List: list, ast.Set: set}[type(node)]
        items = [self.term(one, local) for one in node.elts]
        return lambda actor, names: kind(item(actor, names) for item in items)

    def comprehension(self, node: ast.ListComp | ast.SetComp, local: frozenset[str]) -> Term:
        """One loop over one list; two would let an expression count for a very long time."""
        loop = node.generators[0]
        if len(node.generators) > 1 or local or loop.is_async or not isinstance(loop.target, ast.Name):
            raise Unsupported("a loop in a loop is not read")
        target = loop.target.id
        if target in RESERVED:
            raise Unsupported(f"'{target}' is used as the name of a loop")
        source = self.term(loop.iter, local)
        inside = frozenset({target})
        item, tests = self.term(node.elt, inside), [self.term(one, inside) for one in loop.ifs]
        kind = set if isinstance(node, ast.SetComp) else list

        def run(actor: Asked, names: Names) -> Any:
            rows = ({target: value} for value in source(actor, names))
            return kind(item(actor, row) for row in rows if all(test(actor, row) for test in tests))

        return run

    def call(self, node: ast.Call, local: frozenset[str]) -> Term:
        if node.keywords or any(isinstance(one, ast.Starred) for one in node.args):
            raise Unsupported(f"'{ast.unparse(node)}' is not read")
        match node.func, node.args:
            case ast.Name(id=name), [only] if name in FUNCTIONS and name not in local:
                function, argument = FUNCTIONS[name], self.term(only, local)
                return lambda actor, names: function(argument(actor, names))
            case ast.Attribute(value=who, attr=verb), args if self.is_actor(who):
                return self.ask(node, verb, args, local, is_member=not self.is_user(who))
            case ast.Attribute(value=who, attr="checkPermission"), [named, thing] if self.is_checker(who):
                return self.permission(named, thing, local)
            case ast.Attribute(value=who, attr="isAnonymousUser"), [] if self.is_tool(who, "portal_membership"):
                return lambda actor, names: 0
            case ast.Attribute(value=who, attr="get"), [key, *_] if self.is_status(who) and self.is_state_name(key):
                return lambda actor, names: actor.state
            case ast.Attribute(value=who, attr="getInfoFor"), [thing, key, *_] if (
                len(node.args) <= 3 and self.is_tool(who, "portal_workflow") and self.is_state_name(key)
            ):
                if self.is_thing(thing):
                    return lambda actor, names: actor.state
        raise Unsupported(f"'{ast.unparse(node)}' needs a real object")

    def ask(self, node: ast.Call, verb: str, args: list[ast.expr], local: frozenset[str], is_member: bool) -> Term:
        """Somebody asked as member of the site answers fewer questions than as user."""
        match verb, args:
            case "getRoles", []:
                return lambda actor, names: list(actor.roles_everywhere())
            case "getGroups", [] if not is_member:
                return lambda actor, names: list(actor.groups_of())
            case "getRolesInContext", [thing] if self.is_thing(thing):
                return lambda actor, names: list(actor.roles_here())
            case "has_role", [wanted]:
                return self.has_role(self.term(wanted, local), everywhere=True)
            case "has_role", [wanted, thing] if self.is_thing(thing):
                return self.has_role(self.term(wanted, local), everywhere=False)
            case "has_permission", [named, thing] if not is_member:
                if isinstance(named, ast.Constant) and not str(named.value).isascii():
                    # Users look such a permission up under another name than Zope stores it, and find the place's only.
                    raise Unsupported("Zope's users do not find a permission with letters beyond ASCII")
                return self.permission(named, thing, local)
        raise Unsupported(f"'{ast.unparse(node)}' needs a real person")

    def has_role(self, wanted: Term, everywhere: bool) -> Term:
        def asked(actor: Asked, names: Names) -> int:
            value = wanted(actor, names)
            held = actor.roles_everywhere() if everywhere else actor.roles_here()
            return int(any(role in held for role in ([value] if isinstance(value, str) else value)))

        return asked

    def permission(self, named: ast.expr, thing: ast.expr, local: frozenset[str]) -> Term:
        if not self.is_thing(thing) or not isinstance(named, ast.Constant) or not isinstance(named.value, str):
            raise Unsupported("a permission is only asked by its name and at the object itself")
        name = named.value
        # Zope answers 1 or nothing, and an expression may compare with either.
        return lambda actor, names: 1 if actor.holds(name) else None

    def is_thing(self, node: ast.expr) -> bool:
        match node:
            case ast.Name(id=name):
                return name in THING
            case ast.Attribute(value=ast.Name(id="state_change"), attr="object"):
                return True
        return False

    def is_tool(self, node: ast.expr, tool: str) -> bool:
        match node:
            case ast.Attribute(value=base, attr=name) if name == tool:
                return self.is_thing(base) or (isinstance(base, ast.Name) and base.id in ("container", "folder"))
        return False

    def is_manager(self, node: ast.expr) -> bool:
        """`modules['AccessControl'].getSecurityManager()`; without `modules` Zope would not find the function."""
        match node:
            case ast.Call(
                func=ast.Attribute(
                    value=ast.Subscript(value=ast.Name(id="modules"), slice=ast.Constant(value="AccessControl")),
                    attr="getSecurityManager",
                ),
                args=[],
                keywords=[],
            ):
                return True
        return False

    def is_actor(self, node: ast.expr) -> bool:
        match node:
            case ast.Call(func=ast.Attribute(value=tool, attr="getAuthenticatedMember"), args=[], keywords=[]):
                return self.is_tool(tool, "portal_membership")
        return self.is_user(node)

    def is_user(self, node: ast.expr) -> bool:
        match node:
            case ast.Name(id="user"):
                return True
            case ast.Call(func=ast.Attribute(value=manager, attr="getUser"), args=[], keywords=[]):
                return self.is_manager(manager)
        return False

    def is_checker(self, node: ast.expr) -> bool:
        return self.is_tool(node, "portal_membership") or self.is_manager(node)

    def is_status(self, node: ast.expr) -> bool:
        match node:
            case ast.Name(id="status"):
                return True
            case ast.Attribute(value=ast.Name(id="state_change"), attr="status"):
                return True
        return False

    def is_state_name(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Constant) and node.value == self.state_variable


def _joined(terms: list[Term], every: bool) -> Term:
    """`and` and `or` as Python joins them: the value that decided is the answer."""

    def run(actor: Asked, names: Names) -> Any:
        value: Any = None
        for term in terms:
            value = term(actor, names)
            if bool(value) is not every:
                break
        return value

    return run
