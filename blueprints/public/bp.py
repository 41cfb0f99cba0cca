"""The doors of people who are not signed in, and the resident's own way in."""

from flask import Blueprint

bp = Blueprint("public", __name__)
