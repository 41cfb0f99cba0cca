"""Nouns: tables, constraints, relations."""

from models.agency import Agency
from models.archive import ArchiveDisposal, ArchiveEntry, ArchiveReceipt
from models.authority import AuthorityGrant, AuthorityItem, AuthorityUse
from models.base import Base
from models.blank import Blank, BlankMove
from models.care import CareDocument, CareEvent, DoorCall
from models.case import Case, Material, ServiceItem
from models.clock import CalendarChange, CalendarDay, ClockPause, ClockRun
from models.commitment import Commitment
from models.content import Acl, AclToken, Content, ContentPerson, ContentPlace, WorkflowVersion
from models.correction import Correction
from models.counter import CounterMatter, CounterVisit, MaterialConsent, SharingRequest
from models.courier import CourierAbsence, CourierStop, CourierThanks, CourierTour, PointCheck
from models.courier_run import CourierRun, RunLine
from models.delegation import Delegation, Handover, HandoverLine, HomeVisit, Letter
from models.errand import Errand
from models.exchange import Envelope, ExchangeRefusal, ExchangeTicket, Partner, PartnerItem, PartnerKey
from models.exit import ExitReceipt, Outgoing
from models.express import ExpressRecord
from models.field import FieldBlob, FieldChunk, FieldDevice, FieldOp
from models.grid import Building, GridLog
from models.hall import Hall, HallCounter, HallMatter, HallPeriod, HallService, HallTicket
from models.item_place import ItemChannel, ItemHandler, ItemPlace, ItemSetting
from models.ledger import Counter, IdempotencyKey, JournalEntry, OutboxItem
from models.message import ContactPreference, Delivery, Message
from models.notice import Notice
from models.one_thing import OneThing, OneThingMember
from models.opening import OpeningHour, ReachMinutes, WindowRule, WindowRuleReading, WindowRuleVersion
from models.paper import Certificate, Document, Note, Paper
from models.paper_rule import PaperRule
from models.paper_template import PaperEdition, PaperFolder, PaperRelease, PaperTemplate
from models.payment import PaymentLine, PaymentList
from models.person import CourierProfile, Grant, GridMembership, LoginFailure, LoginSession, Person
from models.print_batch import PrintBatch, PrintLine
from models.print_record import PrintRecord, ReprintRequest
from models.printer import Printer, PrintRule
from models.project import DelegationRule, ProjectChart, ProjectMeeting, ProjectPerson, ProjectRow
from models.promise import FaxPage, OwedMaterial
from models.publishing import HandbookEdition, ItemFollower, ItemPublicity
from models.release import ProcessMigration, ProcessRelease
from models.resident import CareEntry, Resident
from models.roster import RosterShift, TrainingMark
from models.rule import Rule, RuleRun
from models.saved_filter import FilterDefault, SavedFilter
from models.search import ContentSearch, NameReading
from models.seat import MinutesBaseline, SeatConfirmation
from models.sheets import ListExport, SheetImport
from models.station import JointStation, StationMember
from models.substitution import Substitution
from models.task import Task
from models.terminal import Terminal
from models.trust import PaperCheck, Seal, SealRequest, SealUse
from models.work_unit import WorkUnit, WorkUnitFiling, WorkUnitOperator

__all__ = [
    "Acl",
    "AclToken",
    "Agency",
    "ArchiveDisposal",
    "ArchiveEntry",
    "ArchiveReceipt",
    "AuthorityGrant",
    "AuthorityItem",
    "AuthorityUse",
    "Base",
    "Blank",
    "BlankMove",
    "Building",
    "CalendarChange",
    "CalendarDay",
    "CareDocument",
    "CareEntry",
    "CareEvent",
    "Case",
    "Certificate",
    "ClockPause",
    "ClockRun",
    "Commitment",
    "ContactPreference",
    "Content",
    "ContentPerson",
    "ContentPlace",
    "ContentSearch",
    "Correction",
    "Counter",
    "CounterMatter",
    "CounterVisit",
    "CourierAbsence",
    "CourierProfile",
    "CourierRun",
    "CourierStop",
    "CourierThanks",
    "CourierTour",
    "Delegation",
    "DelegationRule",
    "Delivery",
    "Document",
    "DoorCall",
    "Envelope",
    "Errand",
    "ExchangeRefusal",
    "ExchangeTicket",
    "ExitReceipt",
    "ExpressRecord",
    "FaxPage",
    "FieldBlob",
    "FieldChunk",
    "FieldDevice",
    "FieldOp",
    "FilterDefault",
    "Grant",
    "GridLog",
    "GridMembership",
    "Hall",
    "HallCounter",
    "HallMatter",
    "HallPeriod",
    "HallService",
    "HallTicket",
    "HandbookEdition",
    "Handover",
    "HandoverLine",
    "HomeVisit",
    "IdempotencyKey",
    "ItemChannel",
    "ItemFollower",
    "ItemHandler",
    "ItemPlace",
    "ItemPublicity",
    "ItemSetting",
    "JointStation",
    "JournalEntry",
    "Letter",
    "ListExport",
    "LoginFailure",
    "LoginSession",
    "Material",
    "MaterialConsent",
    "Message",
    "MinutesBaseline",
    "NameReading",
    "Note",
    "Notice",
    "OneThing",
    "OneThingMember",
    "OpeningHour",
    "OutboxItem",
    "Outgoing",
    "OwedMaterial",
    "Paper",
    "PaperCheck",
    "PaperEdition",
    "PaperFolder",
    "PaperRelease",
    "PaperRule",
    "PaperTemplate",
    "Partner",
    "PartnerItem",
    "PartnerKey",
    "PaymentLine",
    "PaymentList",
    "Person",
    "PointCheck",
    "PrintBatch",
    "PrintLine",
    "PrintRecord",
    "PrintRule",
    "Printer",
    "ProcessMigration",
    "ProcessRelease",
    "ProjectChart",
    "ProjectMeeting",
    "ProjectPerson",
    "ProjectRow",
    "ReachMinutes",
    "ReprintRequest",
    "Resident",
    "RosterShift",
    "Rule",
    "RuleRun",
    "RunLine",
    "SavedFilter",
    "Seal",
    "SealRequest",
    "SealUse",
    "SeatConfirmation",
    "ServiceItem",
    "SharingRequest",
    "SheetImport",
    "StationMember",
    "Substitution",
    "Task",
    "Terminal",
    "TrainingMark",
    "WindowRule",
    "WindowRuleReading",
    "WindowRuleVersion",
    "WorkUnit",
    "WorkUnitFiling",
    "WorkUnitOperator",
    "WorkflowVersion",
]
