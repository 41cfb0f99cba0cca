"""What people are told: the resident's inbox, everybody's own wish, calls on the desk, the thread, and the channels of the administrator."""

from flask import Blueprint

bp = Blueprint("messages", __name__)

from blueprints.messages import admin, calls, inbox, report, thread, wishes  # noqa: E402  the views hang themselves on bp

__all__ = ["admin", "bp", "calls", "inbox", "report", "thread", "wishes"]
