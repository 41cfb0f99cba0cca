"""Workflow definitions nobody would write, and people walking through them; the same seed gives the same ones."""

from __future__ import annotations

from random import Random
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from process import plone_reader
from process.plone import PloneDefinition
from process.refusals import DefinitionError
from process.trial import begin

ROLES = ("Manager", "Owner", "Member", "Reviewer", "Editor", "Contributor", "Site Administrator", "受理员", "Anonymous",
         "Authenticated")  # fmt: skip
PEOPLE = tuple(role for role in ROLES if role not in ("Anonymous", "Authenticated"))
PERMISSIONS = ("View", "Modify portal content", "Access contents information", "Review portal content",
               "Request review", "ATContentTypes: Add File", "ATContentTypes  Add File", "List folder contents",
               "办理", "核发")  # fmt: skip
GROUPS = ("reviewers", "Administrators", "窗口", "street-office")
STATES = ("private", "pending", "published", "visible", "in-progress", "closed", "受理", "draft 2", "archived", "rejected",
          "s.10", "s_11", "S12", "s13", "s14", "s15")  # fmt: skip
VERBS = ("publish", "reject", "retract", "submit", "hide", "show", "close", "reopen", "assign", "办结", "tick", "auto-1",
         "auto-2", "auto-3", "task-transition-open-resolved", "refuse", "escalate", "sign off", "t19", "t20")  # fmt: skip
EXPRESSIONS = (
    "python:user.has_role({role!r}, here)",
    "python: {role!r} in user.getRolesInContext(here)",
    "python:{role!r} not in user.getRolesInContext(object)",
    "python:user.has_role([{role!r}, {other!r}])",
    "python:user.has_role(({role!r}, {other!r}), object) or user.has_permission({permission!r}, here)",
    "python:not user.has_role({role!r}, here) and {other!r} in user.getRoles()",
    "python:here.portal_membership.checkPermission({permission!r}, here)",
    "python:here.portal_membership.getAuthenticatedMember().has_role({role!r}, here)",
    "python:({role!r} in here.portal_membership.getAuthenticatedMember().getRolesInContext(here)\n  or "
    "{other!r} in here.portal_membership.getAuthenticatedMember().getRolesInContext(here))",
    "python:modules['AccessControl'].getSecurityManager().checkPermission({permission!r}, here)",
    "python:modules['AccessControl'].getSecurityManager().getUser().has_role({role!r}, here)",
    "python:{group!r} in user.getGroups()",
    "python:[g for g in user.getGroups() if g in ({group!r}, 'none')]",
    "python:len([r for r in user.getRolesInContext(here) if r in ({role!r}, {other!r})]) >= 1",
    "python:set(user.getRolesInContext(here)) & set([{role!r}, {other!r}])",
    "python:1 if user.has_role({role!r}) else user.has_role({other!r}, here)",
    "python:status[{variable!r}] == {state!r}",
    "python:here.portal_workflow.getInfoFor(here, {variable!r}) in ({state!r}, 'private')",
    "python:state_change.status.get({variable!r}) != {state!r}",
    "python:len(user.getGroups()) < 2",
    "python:user.has_role({role!r}, here) == 0 or here.portal_membership.checkPermission('View', here) == 1",
    "python:user.has_permission('Modify portal content', here) is None",
    "python:here.portal_membership.isAnonymousUser() or user.getUserName() == 'Anonymous User'",
    "python:user.getUserName() != 'Anonymous User' and user.has_role({role!r})",
    "not:here/portal_membership/isAnonymousUser",
    "python:True",
    "python:0",
    "nothing",
    "not:nothing",
    "not:python:user.has_role({role!r}, here)",
    "string:yes",
    "user/getRoles",
    "user/getGroups",
    "nothing|user/getRoles",
    "path:status/{variable}",
)
# What only a whole Plone could answer: closed here, and shut in the oracle.
FOREIGN = (
    "here/is_sign_feature_enabled",
    "python:here.guard_handler('submit')",
    "python: here.restrictedTraverse('@@task_transition_controller').is_transition_possible('resolve')",
    "python:here.Creator() == user.getId()",
    "exists:here/title",
)


class Maker:
    """One definition: everything is drawn from one seeded source."""

    def __init__(self, random: Random) -> None:
        self.r = random
        self.variable = random.choice(("review_state", "state"))
        self.states = random.sample(STATES, random.choice((1, 2, 3, 3, 4, 5, 6, 8, 12, 16)))
        self.verbs = random.sample(VERBS, random.choice((1, 2, 4, 6, 6, 8, 10, 14, 20)))
        self.permissions = random.sample(PERMISSIONS, random.choice((0, 1, 2, 3, 4, 6, 10)))
        self.groups = random.sample(GROUPS, random.choice((0, 0, 1, 2, 4)))

    def some(self, names: tuple[str, ...] | list[str], most: int) -> list[str]:
        return self.r.sample(list(names), min(len(names), self.r.randint(0, most)))

    def flag(self, often: float = 0.5) -> str:
        return self.r.choice(("True", "true", "1", "Yes") if self.r.random() < often else ("False", "0", ""))

    def padded(self, text: str) -> str:
        return self.r.choice((text, text, text, f"\n    {text}\n   ", f"{text} "))

    def element(self, tag: str, text: str, **attributes: str) -> str:
        named = "".join(f" {name}={quoteattr(value)}" for name, value in attributes.items())
        body = escape(self.padded(text))
        if self.r.random() < 0.02:
            body = self.r.choice((f"<![CDATA[{text}]]>", f"{escape(text[:1])}<!-- x -->{escape(text[1:])}<?pi?>"))
        return f"<{tag}{named}>{body}</{tag}>"

    def expression(self) -> str:
        if self.r.random() < 0.06:
            return self.r.choice(FOREIGN)
        return self.r.choice(EXPRESSIONS).format(
            role=self.r.choice(ROLES),
            other=self.r.choice(ROLES),
            permission=self.r.choice(PERMISSIONS),
            group=self.r.choice(GROUPS),
            state=self.r.choice(self.states),
            variable=self.variable,
        )

    def guard(self, often: float = 0.3) -> str:
        parts: list[str] = []
        for tag, names, most in (
            ("guard-permission", PERMISSIONS, 3),
            ("guard-role", ROLES, 3),
            ("guard-group", GROUPS, 2),
        ):
            if self.r.random() < often:
                chosen = self.some(names, most)
                if len(chosen) > 1 and self.r.random() < 0.3:
                    chosen = ["; ".join(chosen)]
                parts += [self.element(tag, name) for name in chosen]
        if self.r.random() < often * 0.8:
            parts.append(self.element("guard-expression", self.expression()))
        self.r.shuffle(parts)
        return f"<guard>{''.join(parts)}</guard>" if parts else self.r.choice(("<guard/>", "<guard>\n  </guard>"))

    def state(self, sid: str) -> str:
        exits = self.some(self.verbs, 6)
        if self.r.random() < 0.1:
            exits.append("nowhere-defined")
        if exits and self.r.random() < 0.05:
            exits.append(exits[0])
        parts = [f"<exit-transition transition_id={quoteattr(one)}/>" for one in exits]
        declared = [name for name in self.permissions if self.r.random() < 0.8]
        for name in declared + self.some(PERMISSIONS, 1 if self.r.random() < 0.2 else 0):
            held = "".join(self.element("permission-role", role) for role in self.some(ROLES, 4))
            parts.append(
                f"<permission-map name={quoteattr(name)} acquired={quoteattr(self.flag())}>{held}</permission-map>"
            )
        for name in self.some(GROUPS, 3) if self.groups else []:
            held = "".join(self.element("group-role", role) for role in self.some(PEOPLE, 2))
            parts.append(f"<group-map name={quoteattr(name)}>{held}</group-map>")
        if self.r.random() < 0.2:
            parts.append(self.element("assignment", "7", name="count", type=self.r.choice(("int", "string", "bool"))))
        self.r.shuffle(parts)
        title = quoteattr(self.r.choice((sid, "", "待审 & <核>", 'a "b"')))
        held = "\n ".join(parts)
        return f"<state state_id={quoteattr(sid)} title={title} i18n:attributes='title'>\n {held}\n</state>"

    def transition(self, tid: str) -> str:
        automatic = tid.startswith("auto") or self.r.random() < 0.08
        to = self.r.choice((*self.states, *self.states, ""))
        if self.r.random() < 0.03:
            to = "no-such-state"
        assigned = self.element("assignment", "string:done", name="note") if self.r.random() < 0.1 else ""
        guard = self.guard(0.75 if automatic else 0.3)
        return (
            f"<transition transition_id={quoteattr(tid)} title={quoteattr(tid.title())} new_state={quoteattr(to)}"
            f" trigger='{'AUTOMATIC' if automatic else 'USER'}' before_script='' after_script=''>"
            f"<!-- {tid} --><description>What {escape(tid)} does</description>"
            f"<action url='%(content_url)s/do' category='workflow'>{escape(tid)}</action>{guard}{assigned}</transition>"
        )

    def definition(self) -> str:
        states, verbs = list(self.states), list(self.verbs)
        if self.r.random() < 0.08:
            states.append(states[0])
        if self.r.random() < 0.08:
            verbs.append(verbs[0])
        permissions = [self.element("permission", name) for name in self.permissions]
        if permissions and self.r.random() < 0.05:
            permissions.append(permissions[0])
        declared = self.groups[: self.r.randint(0, len(self.groups))] if self.r.random() < 0.3 else self.groups
        creation = f"<instance-creation-conditions>{self.guard()}</instance-creation-conditions>"
        parts = [
            *permissions,
            *(self.element("group", name) for name in declared),
            *(self.state(one) for one in states),
            *(self.transition(one) for one in verbs),
            "<worklist worklist_id='queue' title='Queue'><description>To do</description>"
            f"{self.guard()}<match name='{self.variable}' values={quoteattr('; '.join(self.some(states, 3)) or 'none')}/>"
            "</worklist>",
            "<variable variable_id='note' for_catalog='False' for_status='True' update_always='True'>"
            "<default><value type='string'>none</value></default><guard/></variable>",
            "<variable variable_id='actor' for_catalog='False' for_status='True' update_always='True'>"
            "<default><expression>user/getId</expression></default><guard/></variable>",
            creation if self.r.random() < 0.2 else "",
        ]
        return (
            "<?xml version='1.0' encoding='utf-8'?>\n"
            "<dc-workflow xmlns:i18n='http://xml.zope.org/namespaces/i18n' i18n:domain='plone' workflow_id='generated'"
            f" title='Generated' description='' state_variable='{self.variable}' manager_bypass={quoteattr(self.flag(0.3))}"
            f" initial_state={quoteattr(self.r.choice(self.states))}>\n" + "\n".join(parts) + "\n</dc-workflow>\n"
        )


def definition(seed: int) -> str:
    """The first definition of this seed that is not refused (a loop of automatic transitions is)."""
    random = Random(f"definition {seed}")
    while True:
        text = Maker(random).definition()
        try:
            plone_reader.read(text.encode(), "generated.xml")
        except DefinitionError:
            continue
        return text


def walks(definition: PloneDefinition, seed: int, count: int, longest: int = 12) -> list[dict[str, Any]]:
    """Different people; most take what they may, some try what they may not."""
    random = Random(f"walks {seed}")
    named = {name for t in definition.transitions.values() for name in t.guard.permissions} | set(
        definition.permissions
    )
    people = {role for t in definition.transitions.values() for role in t.guard.roles}
    people |= {role for s in definition.states.values() for p in s.permissions.values() for role in p.roles}
    roles, permissions = sorted(people | set(PEOPLE)), sorted(named) or ["View"]
    groups = sorted(set(definition.groups) | set(GROUPS))
    result = []
    for _ in range(count):
        order: dict[str, Any] = {
            "roles": random.sample(roles, random.choice((0, 1, 1, 2, 2, 3))),
            "groups": random.sample(groups, random.choice((0, 0, 1, 2))),
            "permissions": random.sample(permissions, min(len(permissions), random.choice((0, 0, 1, 2, 4)))),
        }
        walker, steps = begin(definition, order["roles"], order["permissions"], order["groups"]), []
        for _ in range(random.randint(1, longest)):
            open_now = walker.report()["available"]
            if not open_now or random.random() < 0.04:
                steps.append(random.choice([*definition.transitions, "nonsense"]))
                break
            steps.append(random.choice(open_now))
            if not walker.step(steps[-1]):
                break
        order["walk"] = steps
        result.append(order)
    return result
