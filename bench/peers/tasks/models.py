"""The model of the Django peer."""

from django.contrib.auth.models import User
from django.db import models
from django_fsm import FSMField, transition
from django_fsm_log.decorators import fsm_log_by, fsm_log_description


def theirs(task, user):
    return user.has_perm("tasks.change_task") and task.assignee_id == user.id


class Task(models.Model):
    title = models.CharField(max_length=200)
    place_of_work = models.CharField(max_length=200)
    due = models.DateField(null=True)
    body = models.TextField()
    state = FSMField(default="open")
    assignee = models.ForeignKey(User, models.PROTECT, related_name="+")
    created_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    created = models.DateTimeField(auto_now_add=True)
    version = models.IntegerField(default=1)

    class Meta:
        indexes = [models.Index(fields=["assignee", "state", "due", "id"])]

    @fsm_log_by
    @fsm_log_description
    @transition(field=state, source="open", target="doing", permission=theirs)
    def start(self, by=None, description=None):
        pass

    @fsm_log_by
    @fsm_log_description
    @transition(field=state, source="doing", target="done", permission=theirs)
    def finish(self, by=None, description=None):
        pass
