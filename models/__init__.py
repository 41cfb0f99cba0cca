"""Nouns: tables, constraints, relations."""

from models.agency import Agency
from models.base import Base
from models.case import Case, Material, ServiceItem
from models.content import Acl, AclToken, Content, ContentPlace, WorkflowVersion
from models.delegation import Delegation, Handover, HandoverLine, HomeVisit, Letter
from models.errand import Errand
from models.ledger import CalendarDay, ClockPause, ClockRun, Counter, IdempotencyKey, JournalEntry, OutboxItem
from models.paper import Certificate, Document, Note, Paper
from models.person import CourierProfile, Grant, GridMembership, LoginFailure, LoginSession, Person
from models.resident import CareEntry, Resident
from models.substitution import Substitution

__all__ = [
    "Acl",
    "AclToken",
    "Agency",
    "Base",
    "CalendarDay",
    "CareEntry",
    "Case",
    "Certificate",
    "ClockPause",
    "ClockRun",
    "Content",
    "ContentPlace",
    "Counter",
    "CourierProfile",
    "Delegation",
    "Document",
    "Errand",
    "Grant",
    "GridMembership",
    "Handover",
    "HandoverLine",
    "HomeVisit",
    "IdempotencyKey",
    "JournalEntry",
    "Letter",
    "LoginFailure",
    "LoginSession",
    "Material",
    "Note",
    "OutboxItem",
    "Paper",
    "Person",
    "Resident",
    "ServiceItem",
    "Substitution",
    "WorkflowVersion",
]
