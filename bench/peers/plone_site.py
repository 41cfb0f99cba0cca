"""Run by `zconsole run etc/zope.conf`: a Plone site with a case-like type, a DCWorkflow of three states, one clerk, some years of tasks."""

import os

import transaction
from AccessControl.SecurityManagement import newSecurityManager
from plone.dexterity.fti import DexterityFTI
from Products.CMFPlone.factory import addPloneSite
from Products.DCWorkflow.DCWorkflow import DCWorkflowDefinition
from Testing.makerequest import makerequest
from zope.component.hooks import setSite

TITLE_AND_TEXT = """<model xmlns="http://namespaces.plone.org/supermodel/schema"><schema>
<field name="due" type="zope.schema.Date"><title>due</title><required>False</required></field>
<field name="place_of_work" type="zope.schema.TextLine"><title>place</title><required>True</required></field>
<field name="body" type="zope.schema.Text"><title>body</title><required>True</required></field>
</schema></model>"""
EMPTY = '<model xmlns="http://namespaces.plone.org/supermodel/schema"><schema/></model>'
STATES = {"open": "start", "doing": "finish", "done": None}

root = makerequest(app)  # noqa: F821  zconsole hands `app` in
admin = root.acl_users.getUserById("admin") or root.acl_users.getUser("admin")
newSecurityManager(None, admin.__of__(root.acl_users))
site = addPloneSite(
    root, "Plone", title="peer", default_language="en", setup_content=False, extension_ids=("plone.restapi:default",)
)
setSite(site)


def add_type(name: str, model: str) -> None:
    site.portal_types._setObject(
        name,
        DexterityFTI(
            name,
            title=name,
            global_allow=True,
            filter_content_types=False,
            klass="plone.dexterity.content.Container",
            model_source=model,
            add_permission="cmf.AddPortalContent",
            behaviors=("plone.basic", "plone.shortname"),
        ),
    )


add_type("task", TITLE_AND_TEXT)
add_type("folder_of_tasks", EMPTY)

tool = site.portal_workflow
tool._setObject("task_flow", DCWorkflowDefinition("task_flow"))
flow = tool.task_flow
flow.setProperties(title="task")
for state in STATES:
    flow.states.addState(state)
for permission in ("View", "Access contents information", "Modify portal content"):
    flow.addManagedPermission(permission)
for (state, step), following in zip(STATES.items(), [*list(STATES)[1:], None], strict=True):
    flow.states[state].setProperties(title=state, transitions=(step,) if step else ())
    for permission in ("View", "Access contents information", "Modify portal content"):
        flow.states[state].setPermission(permission, 0, ("Manager", "Owner", "Editor"))
    if step:
        flow.transitions.addTransition(step)
        flow.transitions[step].setProperties(
            title=step,
            new_state_id=following,
            actbox_name=step,
            props={"guard_permissions": "Modify portal content", "guard_roles": "Manager; Owner; Editor"},
        )
flow.variables.setStateVar("review_state")
flow.states.setInitialState("open")
for name, expression in (
    ("action", "transition/getId|nothing"),
    ("actor", "user/getId"),
    ("comments", "python:state_change.kwargs.get('comment', '')"),
    ("time", "state_change/getDateTime"),
    ("review_history", "state_change/getHistory"),
):
    flow.variables.addVariable(name)
    kept = int(name != "review_history")
    flow.variables[name].setProperties(description="", default_expr=expression, for_status=kept, update_always=kept)
tool.setChainForPortalTypes(["task"], ("task_flow",))
tool.setChainForPortalTypes(["folder_of_tasks"], ())
catalog = site.portal_catalog
catalog.addIndex("due", "DateIndex")
catalog.addColumn("due")
site.invokeFactory("folder_of_tasks", "tasks", title="tasks")

from plone import api  # noqa: E402  needs the site set above

api.user.create(
    email="worker@example.org",
    username="worker",
    password="Bench-only-passw0rd!",
    roles=("Member", "Editor", "Contributor"),
)
transaction.commit()

from plone.dexterity.utils import addContentToContainer, createContent  # noqa: E402

worker = site.acl_users.getUserById("worker").__of__(site.acl_users)
newSecurityManager(None, worker)
for number in range(int(os.environ.get("BENCH_SIZE", "10000"))):
    body = "body text " * 10
    task = createContent("task", id=f"old-{number}", title=f"Task {number}", place_of_work="street 3", body=body)
    task.id = f"old-{number}"
    addContentToContainer(site.tasks, task, checkConstraints=False)
    if number % 200 == 199:
        transaction.commit()
        root._p_jar.cacheMinimize()
transaction.commit()
print("site ready with", len(site.tasks), "tasks")
