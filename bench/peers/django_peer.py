"""Django with django-fsm-2 and django-fsm-log, written the way its documentation shows: session sign-in, model permissions, ORM.

Run in var/bench/django by gunicorn (`django_peer:application`); `python django_peer.py` makes the tables. BENCH_DB is the SQLite file.
"""

from __future__ import annotations

import json
import os
import sys

import django
from django.conf import settings

if __name__ == "__main__":
    sys.modules["django_peer"] = sys.modules["__main__"]
settings.configure(
    SECRET_KEY="bench-" + "k" * 40,
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF="django_peer",
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.environ["BENCH_DB"],
            "CONN_MAX_AGE": None,
            "OPTIONS": {
                "timeout": 20,
                "transaction_mode": "IMMEDIATE",
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
            },
        }
    },
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django_fsm",
        "django_fsm_log",
        "tasks",
    ],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
)
django.setup()

from django.contrib.auth import authenticate, login  # noqa: E402
from django.contrib.auth.decorators import login_required  # noqa: E402
from django.contrib.auth.models import Permission, User  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import transaction  # noqa: E402
from django.http import HttpResponse, JsonResponse  # noqa: E402
from django.urls import path  # noqa: E402
from django_fsm import has_transition_perm  # noqa: E402
from django_fsm_log.models import StateLog  # noqa: E402
from tasks.models import Task  # noqa: E402

PASSWORD = "Bench-only-passw0rd!"


def sign_in(request):
    given = json.loads(request.body)
    login(request, authenticate(request, username=given["username"], password=given["password"]))
    return JsonResponse({"ok": True})


@login_required
def create(request):
    if not request.user.has_perm("tasks.add_task"):
        return HttpResponse(status=403)
    data = json.loads(request.body)
    with transaction.atomic():
        task = Task.objects.create(
            title=data["title"],
            place_of_work=data["place_of_work"],
            due=data["due"],
            body=data["body"],
            assignee=request.user,
            created_by=request.user,
        )
        StateLog.objects.create(by=request.user, state="open", transition="create", content_object=task)
    return JsonResponse({"id": task.id, "state": task.state, "version": task.version}, status=201)


@login_required
def act(request, task_id, step):
    data = json.loads(request.body)
    with transaction.atomic():
        task = Task.objects.select_for_update().get(pk=task_id)
        method = {"start": task.start, "finish": task.finish}[step]
        if not has_transition_perm(method, request.user):
            return HttpResponse(status=403)
        if task.version != data["version"]:
            return HttpResponse(status=409)
        method(by=request.user, description=data.get("comment", ""))
        task.version += 1
        task.save()
    return JsonResponse({"id": task.id, "state": task.state, "version": task.version})


urlpatterns = [
    path("session", sign_in),
    path("contents", create),
    path("contents/<int:task_id>/actions/<str:step>", act),
]
application = get_wsgi_application()

if __name__ == "__main__":
    from django.core.management import call_command

    call_command("migrate", run_syncdb=True, verbosity=0)
    worker, _ = User.objects.get_or_create(username="worker")
    worker.set_password(PASSWORD)
    worker.save()
    worker.user_permissions.set(Permission.objects.filter(content_type__app_label="tasks"))
    Task.objects.bulk_create(
        Task(title=f"Task {n}", place_of_work="street 3", body="body text " * 10, assignee=worker, created_by=worker)
        for n in range(int(os.environ["BENCH_SIZE"]))
    )
