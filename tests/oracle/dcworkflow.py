"""Products.DCWorkflow answers: runs in the oracle's own environment, reads JSON lines and answers a line each.

    {"definition": "<xml>", "names": [permission, …], "walks": [{"roles", "groups", "permissions", "walk"}, …]}
    → {"form": what DCWorkflow holds, "answers": [[report, …], …]}   or   {"failed": "why it cannot import it"}

`closed` may list transitions that nobody may take (their guards ask for what only a whole Plone has).

The world around it is that of the contract of `process try`: a place that grants every permission to Manager and knows
every role, and a signed-in person with global roles and groups as Plone has them (PluggableAuthService).
"""

from __future__ import annotations

import copy
import json
import sys

from AccessControl.Permission import getPermissionIdentifier
from AccessControl.SecurityManagement import newSecurityManager, noSecurityManager
from Acquisition import Implicit, aq_base
from OFS.Folder import Folder
from OFS.SimpleItem import SimpleItem
from Products.CMFCore.interfaces import IMemberDataTool, IMembershipTool, IWorkflowAware, IWorkflowTool
from Products.CMFCore.MemberDataTool import MemberAdapter, MemberDataTool
from Products.CMFCore.MembershipTool import MembershipTool
from Products.CMFCore.WorkflowCore import WorkflowException
from Products.CMFCore.WorkflowTool import DefaultWorkflowStatus, WorkflowTool
from Products.DCWorkflow.DCWorkflow import DCWorkflowDefinition
from Products.DCWorkflow.exportimport import WorkflowDefinitionConfigurator, _initDCWorkflow
from Products.PluggableAuthService.PluggableAuthService import PluggableAuthService
from Products.PluggableAuthService.PropertiedUser import PropertiedUser
from Testing.makerequest import makerequest
from zope.component import provideAdapter, provideUtility
from zope.interface import implementer
from zope.traversing.adapters import DefaultTraversable
from zope.traversing.interfaces import ITraversable

WORKFLOW, GRANTED = "wf", "(granted by the place)"
MAX_STEPS = 400


class Endless(Exception):
    """DCWorkflow would go round automatic transitions for ever."""


class Site(Folder):
    """The top of everything, with the tools and the people; what every Zope lets everybody see is seen here."""

    _View_Permission = _Access_contents_information_Permission = ("Anonymous", "Manager")

    def getPhysicalRoot(self):
        return self


@implementer(IWorkflowAware)
class Document(SimpleItem):
    """The thing that is walked."""

    portal_type = "Document"

    def getPortalTypeName(self):
        return self.portal_type


class Counting(DCWorkflowDefinition):
    """DCWorkflow, stopped where it would never stop by itself."""

    def _executeTransition(self, ob, tdef=None, kwargs=None):
        self._v_steps = getattr(self, "_v_steps", 0) + 1
        if self._v_steps > MAX_STEPS:
            raise Endless
        return DCWorkflowDefinition._executeTransition(self, ob, tdef, kwargs)


class NoFiles(Implicit):
    """Scripts are not read; the hooks that name them are emptied below."""

    def readDataFile(self, name):
        return ""


def world():
    """The site, and below it the place that the contract imagines."""
    site = makerequest(Site("site"))
    site._setObject("place", Folder("place"))
    site._setObject("acl_users", PluggableAuthService())
    for name, tool, interface in (
        ("portal_workflow", WorkflowTool(), IWorkflowTool),
        ("portal_membership", MembershipTool(), IMembershipTool),
        ("portal_memberdata", MemberDataTool(), IMemberDataTool),
    ):
        site._setObject(name, tool)
        provideUtility(site._getOb(name), interface)
    provideAdapter(MemberAdapter)
    provideAdapter(DefaultWorkflowStatus)
    provideAdapter(DefaultTraversable, (None,), ITraversable)
    return site


def install(site, xml):
    tool = site.portal_workflow
    if WORKFLOW in tool.objectIds():
        tool._delObject(WORKFLOW)
    tool._setObject(WORKFLOW, Counting(WORKFLOW))
    workflow = tool._getOb(WORKFLOW)
    parsed = WorkflowDefinitionConfigurator(workflow).__of__(workflow).parseWorkflowXML(xml.encode())
    (_, title, state_variable, initial, states, transitions, variables, worklists, *rest) = parsed
    permissions, groups, _scripts, description, bypass, creation = rest
    for one in transitions:
        one["before_script"] = one["after_script"] = ""
    _initDCWorkflow(
        workflow, title, description, bypass, creation, state_variable, initial, states, transitions, variables,
        worklists, permissions, groups, [], NoFiles(),
    )  # fmt: skip
    # Every role the definition speaks of exists at the place.
    named = {role for state in states for entry in state["permissions"].values() for role in entry}
    named |= {role for state in states for _, roles in state["groups"] for role in roles}
    site.__ac_roles__ = tuple(sorted(named | {"Manager", "Owner", "Authenticated", "Anonymous"}))
    tool._default_chain = (WORKFLOW,)
    return workflow


class Shut:
    """A guard that lets nobody through."""

    permissions = roles = groups = ()
    expr = None

    def check(self, *args, **more):
        return 0


def form(workflow):
    """What DCWorkflow holds after the import, in the words of the normal form."""
    guard = lambda one: {  # noqa: E731
        "permissions": list(one.permissions),
        "roles": list(one.roles),
        "groups": list(one.groups),
        "expression": one.getExprText() or None,
    }
    return {
        "title": workflow.title,
        "initial": workflow.initial_state,
        "state_variable": workflow.state_var,
        "permissions": list(workflow.permissions),
        "states": {
            one.getId(): {
                "title": one.title,
                "transitions": list(one.transitions),
                "permissions": {
                    name: {"roles": list(roles), "acquire": isinstance(roles, list)}
                    for name, roles in (one.permission_roles or {}).items()
                },
                "group_roles": {group: list(roles) for group, roles in one.group_roles.items()},
                "variables": dict(one.var_values.items()),
            }
            for one in workflow.states.values()
        },
        "transitions": {
            one.getId(): {
                "title": one.title,
                "to": one.new_state_id or None,
                "trigger": ("automatic", "user")[one.trigger_type],
                "guard": guard(one.getGuard()),
                "variables": {name: expression.text for name, expression in one.var_exprs.items()},
            }
            for one in workflow.transitions.values()
        },
        "variables": {
            one.getId(): {
                "default": one.getDefaultExprText() or one.default_value,
                "for_catalog": one.for_catalog,
                "for_status": one.for_status,
                "update_always": one.update_always,
            }
            for one in workflow.variables.values()
        },
        "worklists": {
            one.getId(): {
                "match": {name: list(one.var_matches[name]) for name in one.getVarMatchKeys()},
                "guard": guard(one.getGuard()),
            }
            for one in workflow.worklists.values()
        },
    }


def names_of(workflow):
    found = set(workflow.permissions)
    for transition in workflow.transitions.values():
        if transition.guard is not None:
            found.update(transition.guard.permissions)
    return found


def walk(site, workflow, names, order):
    roles, groups, granted = (order.get(key) or [] for key in ("roles", "groups", "permissions"))
    place = {getPermissionIdentifier(name): ("Manager",) for name in names}
    place.update({getPermissionIdentifier(name): ("Manager", GRANTED) for name in granted})
    for name, holders in place.items():
        setattr(site.place, name, holders)
    user = PropertiedUser("somebody", "somebody")
    user._addRoles([*roles, "Authenticated", GRANTED])
    user._addGroups(groups)
    newSecurityManager(None, user.__of__(site.acl_users))
    try:
        return _walk(site, workflow, order.get("walk") or [])
    finally:
        noSecurityManager()
        for name in place:
            delattr(site.place, name)


def _walk(site, workflow, steps):
    thing = Document("thing").__of__(site.place)
    workflow._v_steps = 0
    try:
        workflow.notifyCreated(thing)
    except (WorkflowException, Endless):
        return [{"state": None, "available": [], "permissions": []}]
    answers = [report(workflow, thing)]
    for step in steps:
        before = copy.deepcopy(aq_base(thing).__dict__)
        workflow._v_steps = 0
        try:
            if not workflow.isActionSupported(thing, step):
                raise WorkflowException(step)
            workflow.doActionFor(thing, step)
        except (WorkflowException, Endless):
            # The request would be rolled back.
            aq_base(thing).__dict__.clear()
            aq_base(thing).__dict__.update(before)
            return [*answers, {**report(workflow, thing), "refused": step}]
        answers.append(report(workflow, thing))
    return answers


def report(workflow, thing):
    from AccessControl.SecurityManagement import getSecurityManager

    state = workflow._getWorkflowStateOf(thing)
    check = getSecurityManager().checkPermission
    return {
        "state": state.getId(),
        "available": sorted({name for name in state.transitions if workflow.isActionSupported(thing, name)}),
        "permissions": sorted({name for name in workflow.permissions if check(name, thing)}),
    }


def main():
    site = world()
    for line in sys.stdin:
        order = json.loads(line)
        try:
            workflow = install(site, order["definition"])
        except Exception as error:
            answer = {"failed": f"{type(error).__name__}: {error}"}
        else:
            names = names_of(workflow) | set(order.get("names") or [])
            try:
                held = form(workflow)
                for name in order.get("closed") or []:
                    workflow.transitions[name].guard = Shut()
                answer = {"form": held, "answers": [walk(site, workflow, names, one) for one in order["walks"]]}
            except Exception as error:
                import traceback

                answer = {"failed": f"while walking: {type(error).__name__}: {error}", "trace": traceback.format_exc()}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


main()
