"""the hall and the counter

Revision: 0007, after 0006
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from alembic import op

import models.base

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "hall",
        sa.Column("agency_id", sa.String(length=40), nullable=False),
        sa.Column("district", sa.String(length=40), nullable=False),
        sa.Column("place_path", models.base.Path, nullable=False),
        sa.Column("rule", sa.String(length=20), nullable=False),
        sa.Column("cap", sa.Integer(), nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        sa.Column("layout", sa.String(length=20), nullable=False),
        sa.Column("max_misses", sa.Integer(), nullable=False),
        sa.Column("requeue_after", sa.Integer(), nullable=False),
        sa.Column("slot_minutes", sa.Integer(), nullable=False),
        sa.Column("ahead_days", sa.Integer(), nullable=False),
        sa.Column("streak", sa.Integer(), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.CheckConstraint("layout IN ('shared', 'per_window')", name=op.f("ck_hall_layout")),
        sa.CheckConstraint("rule IN ('order', 'first', 'capped', 'alternate', 'longest')", name=op.f("ck_hall_rule")),
        sa.ForeignKeyConstraint(["agency_id"], ["agency.id"], name=op.f("fk_hall_agency_id_agency")),
        sa.PrimaryKeyConstraint("agency_id", name=op.f("pk_hall")),
    )
    op.create_table(
        "opening_hour",
        sa.Column("id", models.base.BigId, nullable=False),
        sa.Column("district", sa.String(length=40), nullable=False),
        sa.Column("place_id", sa.String(length=40), nullable=False),
        sa.Column("zone", sa.String(length=10), nullable=False),
        sa.Column("days", sa.String(length=10), nullable=False),
        sa.Column("opens", sa.Time(), nullable=False),
        sa.Column("closes", sa.Time(), nullable=False),
        sa.CheckConstraint("days IN ('work', 'saturday', 'sunday', 'holiday')", name=op.f("ck_opening_hour_days")),
        sa.CheckConstraint("zone IN ('window', 'assisted', 'self', 'hall_24h')", name=op.f("ck_opening_hour_zone")),
        sa.ForeignKeyConstraint(["place_id"], ["agency.id"], name=op.f("fk_opening_hour_place_id_agency")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opening_hour")),
        sa.UniqueConstraint("place_id", "zone", "days", "opens", name=op.f("uq_opening_hour_place_id_zone_days_opens")),
    )
    op.create_table(
        "window_rule",
        sa.Column("id", models.base.BigId, nullable=False),
        sa.Column("district", sa.String(length=40), nullable=False),
        sa.Column("place_id", sa.String(length=40), nullable=False),
        sa.Column("place_path", models.base.Path, nullable=False),
        sa.Column("window", sa.String(length=20), nullable=False),
        sa.Column("title", sa.String(length=80), nullable=False),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["place_id"], ["agency.id"], name=op.f("fk_window_rule_place_id_agency")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_window_rule")),
        sa.UniqueConstraint("place_id", "window", "title", name=op.f("uq_window_rule_place_id_window_title")),
    )
    op.create_table(
        "hall_service",
        sa.Column("id", models.base.BigId, nullable=False),
        sa.Column("hall_id", sa.String(length=40), nullable=False),
        sa.Column("letter", sa.String(length=2), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("categories", models.base.Json, nullable=False),
        sa.Column("slot_capacity", sa.Integer(), nullable=False),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["hall_id"], ["hall.agency_id"], name=op.f("fk_hall_service_hall_id_hall")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hall_service")),
        sa.UniqueConstraint("hall_id", "letter", name=op.f("uq_hall_service_hall_id_letter")),
    )
    with op.batch_alter_table("hall_service", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_hall_service_hall_id"), ["hall_id"], unique=False)

    op.create_table(
        "counter_visit",
        sa.Column("id", models.base.BigId, nullable=False),
        sa.Column("uid", sa.String(length=22), nullable=False),
        sa.Column("district", sa.String(length=40), nullable=False),
        sa.Column("unit_id", sa.String(length=40), nullable=False),
        sa.Column("clerk_id", models.base.BigId, nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("ticket_uid", sa.String(length=22), nullable=True),
        sa.Column("window", sa.String(length=20), nullable=False),
        sa.Column("resident_id", models.base.BigId, nullable=True),
        sa.Column("draft", models.base.EncryptedJson(), nullable=True),
        sa.Column("saved_at", models.base.UtcDateTime(), nullable=True),
        sa.Column("agent", models.base.EncryptedJson(), nullable=True),
        sa.Column("agent_index", sa.String(length=64), nullable=True),
        sa.Column("opened_at", models.base.UtcDateTime(), nullable=False),
        sa.Column("closed_at", models.base.UtcDateTime(), nullable=True),
        sa.CheckConstraint("status IN ('open', 'closed', 'dropped')", name=op.f("ck_counter_visit_status")),
        sa.ForeignKeyConstraint(["clerk_id"], ["person.id"], name=op.f("fk_counter_visit_clerk_id_person")),
        sa.ForeignKeyConstraint(["resident_id"], ["resident.id"], name=op.f("fk_counter_visit_resident_id_resident")),
        sa.ForeignKeyConstraint(["unit_id"], ["agency.id"], name=op.f("fk_counter_visit_unit_id_agency")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_counter_visit")),
        sa.UniqueConstraint("uid", name=op.f("uq_counter_visit_uid")),
    )
    with op.batch_alter_table("counter_visit", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_counter_visit_agent_index"), ["agent_index"], unique=False)
        batch_op.create_index("ix_counter_visit_clerk", ["clerk_id", "status"], unique=False)
        batch_op.create_index(batch_op.f("ix_counter_visit_resident_id"), ["resident_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_counter_visit_ticket_uid"), ["ticket_uid"], unique=False)
        batch_op.create_index("ix_counter_visit_unit", ["unit_id", "opened_at"], unique=False)

    op.create_table(
        "hall_counter",
        sa.Column("id", models.base.BigId, nullable=False),
        sa.Column("hall_id", sa.String(length=40), nullable=False),
        sa.Column("code", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("takes", models.base.Json, nullable=False),
        sa.Column("person_id", models.base.BigId, nullable=True),
        sa.Column("since", models.base.UtcDateTime(), nullable=True),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.CheckConstraint("kind IN ('fixed', 'local')", name=op.f("ck_hall_counter_kind")),
        sa.ForeignKeyConstraint(["hall_id"], ["hall.agency_id"], name=op.f("fk_hall_counter_hall_id_hall")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_hall_counter_person_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hall_counter")),
        sa.UniqueConstraint("hall_id", "code", name=op.f("uq_hall_counter_hall_id_code")),
    )
    with op.batch_alter_table("hall_counter", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_hall_counter_hall_id"), ["hall_id"], unique=False)
        batch_op.create_index(
            "ix_hall_counter_sitting",
            ["person_id"],
            unique=True,
            sqlite_where=sa.text("person_id IS NOT NULL"),
            postgresql_where=sa.text("person_id IS NOT NULL"),
        )

    op.create_table(
        "material_consent",
        sa.Column("id", models.base.BigId, nullable=False),
        sa.Column("district", sa.String(length=40), nullable=False),
        sa.Column("resident_id", models.base.BigId, nullable=False),
        sa.Column("given_on", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.Column("taken_by_id", models.base.BigId, nullable=False),
        sa.Column("at", models.base.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["resident_id"], ["resident.id"], name=op.f("fk_material_consent_resident_id_resident")
        ),
        sa.ForeignKeyConstraint(["taken_by_id"], ["person.id"], name=op.f("fk_material_consent_taken_by_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_material_consent")),
    )
    with op.batch_alter_table("material_consent", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_material_consent_resident_id"), ["resident_id"], unique=False)

    op.create_table(
        "reach_minutes",
        sa.Column("community_id", sa.String(length=40), nullable=False),
        sa.Column("point_id", sa.String(length=40), nullable=False),
        sa.Column("district", sa.String(length=40), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("set_by_id", models.base.BigId, nullable=True),
        sa.Column("set_at", models.base.UtcDateTime(), nullable=False),
        sa.CheckConstraint("minutes BETWEEN 1 AND 600", name=op.f("ck_reach_minutes_minutes")),
        sa.ForeignKeyConstraint(["community_id"], ["agency.id"], name=op.f("fk_reach_minutes_community_id_agency")),
        sa.ForeignKeyConstraint(["point_id"], ["agency.id"], name=op.f("fk_reach_minutes_point_id_agency")),
        sa.ForeignKeyConstraint(["set_by_id"], ["person.id"], name=op.f("fk_reach_minutes_set_by_id_person")),
        sa.PrimaryKeyConstraint("community_id", "point_id", name=op.f("pk_reach_minutes")),
    )
    op.create_table(
        "window_rule_version",
        sa.Column("id", models.base.BigId, nullable=False),
        sa.Column("rule_id", models.base.BigId, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("change", sa.String(length=200), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("published_by_id", models.base.BigId, nullable=True),
        sa.Column("published_at", models.base.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["published_by_id"], ["person.id"], name=op.f("fk_window_rule_version_published_by_id_person")
        ),
        sa.ForeignKeyConstraint(
            ["rule_id"], ["window_rule.id"], name=op.f("fk_window_rule_version_rule_id_window_rule")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_window_rule_version")),
        sa.UniqueConstraint("rule_id", "number", name=op.f("uq_window_rule_version_rule_id_number")),
    )
    op.create_table(
        "hall_ticket",
        sa.Column("content_id", models.base.BigId, nullable=False),
        sa.Column("district", sa.String(length=40), nullable=False),
        sa.Column("hall_id", sa.String(length=40), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("ticket", sa.String(length=10), nullable=True),
        sa.Column("service", sa.String(length=2), nullable=False),
        sa.Column("priority", sa.Boolean(), nullable=False),
        sa.Column("source", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("slot", models.base.UtcDateTime(), nullable=True),
        sa.Column("slot_end", models.base.UtcDateTime(), nullable=True),
        sa.Column("came_at", models.base.UtcDateTime(), nullable=True),
        sa.Column("turn_at", models.base.UtcDateTime(), nullable=True),
        sa.Column("called_at", models.base.UtcDateTime(), nullable=True),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("misses", sa.Integer(), nullable=False),
        sa.Column("counter_id", models.base.BigId, nullable=True),
        sa.Column("for_counter_id", models.base.BigId, nullable=True),
        sa.CheckConstraint(
            "state IN ('booked', 'waiting', 'called', 'serving', 'held', 'missed', 'done', 'left')",
            name=op.f("ck_hall_ticket_state"),
        ),
        sa.ForeignKeyConstraint(["content_id"], ["content.id"], name=op.f("fk_hall_ticket_content_id_content")),
        sa.ForeignKeyConstraint(
            ["counter_id"], ["hall_counter.id"], name=op.f("fk_hall_ticket_counter_id_hall_counter")
        ),
        sa.ForeignKeyConstraint(
            ["for_counter_id"], ["hall_counter.id"], name=op.f("fk_hall_ticket_for_counter_id_hall_counter")
        ),
        sa.ForeignKeyConstraint(["hall_id"], ["hall.agency_id"], name=op.f("fk_hall_ticket_hall_id_hall")),
        sa.PrimaryKeyConstraint("content_id", name=op.f("pk_hall_ticket")),
        sa.UniqueConstraint("hall_id", "day", "ticket", name=op.f("uq_hall_ticket_hall_id_day_ticket")),
    )
    with op.batch_alter_table("hall_ticket", schema=None) as batch_op:
        batch_op.create_index(
            "ix_hall_ticket_counter",
            ["counter_id"],
            unique=True,
            sqlite_where=sa.text("counter_id IS NOT NULL AND state IN ('called', 'serving')"),
            postgresql_where=sa.text("counter_id IS NOT NULL AND state IN ('called', 'serving')"),
        )
        batch_op.create_index("ix_hall_ticket_day", ["hall_id", "day", "state"], unique=False)
        batch_op.create_index("ix_hall_ticket_slot", ["hall_id", "slot"], unique=False)

    op.create_table(
        "sharing_request",
        sa.Column("id", models.base.BigId, nullable=False),
        sa.Column("uid", sa.String(length=22), nullable=False),
        sa.Column("district", sa.String(length=40), nullable=False),
        sa.Column("visit_id", models.base.BigId, nullable=False),
        sa.Column("resident_index", sa.String(length=64), nullable=False),
        sa.Column("subject", models.base.EncryptedJson(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("answer", models.base.EncryptedJson(), nullable=True),
        sa.Column("foreign_id", sa.String(length=80), nullable=False),
        sa.Column("said", sa.String(length=300), nullable=False),
        sa.Column("asked_by_id", models.base.BigId, nullable=False),
        sa.Column("asked_at", models.base.UtcDateTime(), nullable=False),
        sa.Column("answered_at", models.base.UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "state IN ('asked', 'found', 'none', 'silent', 'wrong', 'failed')", name=op.f("ck_sharing_request_state")
        ),
        sa.ForeignKeyConstraint(["asked_by_id"], ["person.id"], name=op.f("fk_sharing_request_asked_by_id_person")),
        sa.ForeignKeyConstraint(
            ["visit_id"], ["counter_visit.id"], name=op.f("fk_sharing_request_visit_id_counter_visit")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sharing_request")),
        sa.UniqueConstraint("uid", name=op.f("uq_sharing_request_uid")),
    )
    with op.batch_alter_table("sharing_request", schema=None) as batch_op:
        batch_op.create_index("ix_sharing_request_visit", ["visit_id", "kind"], unique=False)

    op.create_table(
        "window_rule_reading",
        sa.Column("version_id", models.base.BigId, nullable=False),
        sa.Column("person_id", models.base.BigId, nullable=False),
        sa.Column("read_at", models.base.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_window_rule_reading_person_id_person")),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["window_rule_version.id"],
            name=op.f("fk_window_rule_reading_version_id_window_rule_version"),
        ),
        sa.PrimaryKeyConstraint("version_id", "person_id", name=op.f("pk_window_rule_reading")),
    )
    op.create_table(
        "hall_matter",
        sa.Column("id", models.base.BigId, nullable=False),
        sa.Column("ticket_id", models.base.BigId, nullable=False),
        sa.Column("item", sa.String(length=60), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("case_id", models.base.BigId, nullable=True),
        sa.Column("added_at", models.base.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["content.id"], name=op.f("fk_hall_matter_case_id_content")),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["hall_ticket.content_id"], name=op.f("fk_hall_matter_ticket_id_hall_ticket")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hall_matter")),
        sa.UniqueConstraint("ticket_id", "case_id", name=op.f("uq_hall_matter_ticket_id_case_id")),
    )
    with op.batch_alter_table("hall_matter", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_hall_matter_case_id"), ["case_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_hall_matter_ticket_id"), ["ticket_id"], unique=False)

    op.create_table(
        "hall_period",
        sa.Column("id", models.base.BigId, nullable=False),
        sa.Column("district", sa.String(length=40), nullable=False),
        sa.Column("hall_id", sa.String(length=40), nullable=False),
        sa.Column("ticket_id", models.base.BigId, nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("counter_id", models.base.BigId, nullable=True),
        sa.Column("person_id", models.base.BigId, nullable=True),
        sa.Column("began_at", models.base.UtcDateTime(), nullable=False),
        sa.Column("ended_at", models.base.UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('waiting', 'called', 'serving', 'held', 'missed')", name=op.f("ck_hall_period_kind")
        ),
        sa.CheckConstraint("ended_at IS NULL OR began_at <= ended_at", name=op.f("ck_hall_period_period")),
        sa.ForeignKeyConstraint(
            ["counter_id"], ["hall_counter.id"], name=op.f("fk_hall_period_counter_id_hall_counter")
        ),
        sa.ForeignKeyConstraint(["hall_id"], ["hall.agency_id"], name=op.f("fk_hall_period_hall_id_hall")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_hall_period_person_id_person")),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["hall_ticket.content_id"], name=op.f("fk_hall_period_ticket_id_hall_ticket")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hall_period")),
    )
    with op.batch_alter_table("hall_period", schema=None) as batch_op:
        batch_op.create_index("ix_hall_period_hall", ["hall_id", "began_at"], unique=False)
        batch_op.create_index(
            "ix_hall_period_running",
            ["ticket_id"],
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )
        batch_op.create_index(batch_op.f("ix_hall_period_ticket_id"), ["ticket_id"], unique=False)

    op.create_table(
        "counter_matter",
        sa.Column("id", models.base.BigId, nullable=False),
        sa.Column("visit_id", models.base.BigId, nullable=False),
        sa.Column("case_id", models.base.BigId, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_counter_matter_case_id_case_file")),
        sa.ForeignKeyConstraint(
            ["visit_id"], ["counter_visit.id"], name=op.f("fk_counter_matter_visit_id_counter_visit")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_counter_matter")),
        sa.UniqueConstraint("case_id", name=op.f("uq_counter_matter_case_id")),
    )
    with op.batch_alter_table("counter_matter", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_counter_matter_visit_id"), ["visit_id"], unique=False)

    op.create_table(
        "owed_material",
        sa.Column("id", models.base.BigId, nullable=False),
        sa.Column("uid", sa.String(length=22), nullable=False),
        sa.Column("district", sa.String(length=40), nullable=False),
        sa.Column("case_id", models.base.BigId, nullable=False),
        sa.Column("material_id", models.base.BigId, nullable=False),
        sa.Column("resident_id", models.base.BigId, nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("way", sa.String(length=10), nullable=False),
        sa.Column("promised_due", sa.Date(), nullable=False),
        sa.Column("due", sa.Date(), nullable=False),
        sa.Column("promised_at", models.base.UtcDateTime(), nullable=False),
        sa.Column("extended_at", models.base.UtcDateTime(), nullable=True),
        sa.Column("extended_by_id", models.base.BigId, nullable=True),
        sa.Column("extension_reason", sa.String(length=120), nullable=False),
        sa.Column("supplied_at", models.base.UtcDateTime(), nullable=True),
        sa.Column("supplied_way", sa.String(length=10), nullable=False),
        sa.Column("supplied_by_id", models.base.BigId, nullable=True),
        sa.Column("lapsed_on", sa.Date(), nullable=True),
        sa.CheckConstraint("state IN ('open', 'supplied', 'lapsed', 'ended')", name=op.f("ck_owed_material_state")),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_owed_material_case_id_case_file")),
        sa.ForeignKeyConstraint(["extended_by_id"], ["person.id"], name=op.f("fk_owed_material_extended_by_id_person")),
        sa.ForeignKeyConstraint(["material_id"], ["material.id"], name=op.f("fk_owed_material_material_id_material")),
        sa.ForeignKeyConstraint(["resident_id"], ["resident.id"], name=op.f("fk_owed_material_resident_id_resident")),
        sa.ForeignKeyConstraint(["supplied_by_id"], ["person.id"], name=op.f("fk_owed_material_supplied_by_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_owed_material")),
        sa.UniqueConstraint("case_id", "material_id", name=op.f("uq_owed_material_case_id_material_id")),
        sa.UniqueConstraint("uid", name=op.f("uq_owed_material_uid")),
    )
    with op.batch_alter_table("owed_material", schema=None) as batch_op:
        batch_op.create_index("ix_owed_material_due", ["district", "state", "due"], unique=False)
        batch_op.create_index("ix_owed_material_resident", ["resident_id", "lapsed_on"], unique=False)

    op.create_table(
        "fax_page",
        sa.Column("id", models.base.BigId, nullable=False),
        sa.Column("uid", sa.String(length=22), nullable=False),
        sa.Column("district", sa.String(length=40), nullable=False),
        sa.Column("unit_id", sa.String(length=40), nullable=False),
        sa.Column("sender", sa.String(length=40), nullable=False),
        sa.Column("words", sa.String(length=120), nullable=False),
        sa.Column("filename", sa.String(length=200), nullable=False),
        sa.Column("media_type", sa.String(length=60), nullable=False),
        sa.Column("storage_key", sa.String(length=80), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("arrived_at", models.base.UtcDateTime(), nullable=False),
        sa.Column("entered_by_id", models.base.BigId, nullable=False),
        sa.Column("owed_id", models.base.BigId, nullable=True),
        sa.Column("matched_by_id", models.base.BigId, nullable=True),
        sa.Column("matched_at", models.base.UtcDateTime(), nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'matched', 'discarded')", name=op.f("ck_fax_page_state")),
        sa.ForeignKeyConstraint(["entered_by_id"], ["person.id"], name=op.f("fk_fax_page_entered_by_id_person")),
        sa.ForeignKeyConstraint(["matched_by_id"], ["person.id"], name=op.f("fk_fax_page_matched_by_id_person")),
        sa.ForeignKeyConstraint(["owed_id"], ["owed_material.id"], name=op.f("fk_fax_page_owed_id_owed_material")),
        sa.ForeignKeyConstraint(["unit_id"], ["agency.id"], name=op.f("fk_fax_page_unit_id_agency")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fax_page")),
        sa.UniqueConstraint("uid", name=op.f("uq_fax_page_uid")),
    )
    with op.batch_alter_table("fax_page", schema=None) as batch_op:
        batch_op.create_index("ix_fax_page_unit", ["unit_id", "state"], unique=False)

    with op.batch_alter_table("material", schema=None) as batch_op:
        batch_op.add_column(sa.Column("source", sa.String(length=10), nullable=True))
        batch_op.add_column(sa.Column("source_material_id", models.base.BigId, nullable=True))
        batch_op.add_column(sa.Column("source_words", sa.String(length=200), nullable=True))
        batch_op.create_foreign_key(
            batch_op.f("fk_material_source_material_id_material"), "material", ["source_material_id"], ["id"]
        )
    _lines_of_what_is_owed(op.get_bind())


# Tables as they are at this revision; the models go on.
_CONTENT = sa.table(
    "content", sa.column("id"), sa.column("district"), sa.column("state"), sa.column("fields", models.base.Json)
)
_CASE = sa.table("case_file", sa.column("id"))
_PERSONS = sa.table("content", sa.column("id"), sa.column("applicant_id"))
_MATERIAL = sa.table("material", sa.column("id"), sa.column("case_id"), sa.column("code"), sa.column("provided"))
_OWED = sa.table(
    "owed_material",
    *(sa.column(name) for name in ("uid", "district", "case_id", "material_id", "resident_id", "state", "way")),
    sa.column("promised_due", sa.Date()),
    sa.column("due", sa.Date()),
    sa.column("promised_at", models.base.UtcDateTime()),
    sa.column("extension_reason"),
    sa.column("supplied_way"),
)
_OUTBOX = sa.table(
    "outbox",
    *(sa.column(name) for name in ("job", "queue", "district", "status", "attempts", "losses", "lease_token")),
    sa.column("args", models.base.Json),
    sa.column("available_at", models.base.UtcDateTime()),
    sa.column("created_at", models.base.UtcDateTime()),
)


def _lines_of_what_is_owed(connection: sa.Connection) -> None:
    """Every paper that a case already owes gets its line in the ledger, and the evening on which it is looked at."""
    open_cases = connection.execute(
        sa.select(_CONTENT.c.id, _CONTENT.c.district, _CONTENT.c.fields)
        .join(_CASE, _CASE.c.id == _CONTENT.c.id)
        .where(_CONTENT.c.state.in_(("accepted_deferred", "reviewed", "approved")))
    ).all()
    for case_id, district, fields in open_cases:
        kept = (fields or {}).get("_owed") or {}
        if kept.get("due") and kept.get("codes"):
            _lines(connection, case_id, district, date.fromisoformat(kept["due"]), kept["codes"])


def _lines(connection: sa.Connection, case_id: int, district: str, due: date, codes: list[Any]) -> None:
    at = datetime.now(UTC)
    applicant = connection.scalar(sa.select(_PERSONS.c.applicant_id).where(_PERSONS.c.id == case_id))
    lacking = connection.scalars(
        sa.select(_MATERIAL.c.id).where(
            _MATERIAL.c.case_id == case_id, _MATERIAL.c.code.in_(codes), _MATERIAL.c.provided.is_(sa.false())
        )
    ).all()
    evening = datetime(due.year, due.month, due.day, tzinfo=ZoneInfo("Asia/Shanghai")) + timedelta(days=1)
    for material_id in lacking:
        values = {"district": district, "case_id": case_id, "material_id": material_id, "resident_id": applicant}
        connection.execute(
            sa.insert(_OWED).values(
                **values,
                uid=models.base.new_uid(),
                state="open",
                way="",
                promised_due=due,
                due=due,
                promised_at=at,
                extension_reason="",
                supplied_way="",
            )
        )
        owed_id = connection.scalar(
            sa.select(sa.column("id")).select_from(_OWED).where(_OWED.c.material_id == material_id)
        )
        connection.execute(
            sa.insert(_OUTBOX).values(
                job="promises.lapse",
                queue="quick",
                args={"owed_id": owed_id, "due": due.isoformat()},
                district=district,
                status="waiting",
                attempts=0,
                losses=0,
                lease_token=0,
                available_at=max(evening, at),
                created_at=at,
            )
        )


def downgrade() -> None:
    with op.batch_alter_table("material", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_material_source_material_id_material"), type_="foreignkey")
        batch_op.drop_column("source_words")
        batch_op.drop_column("source_material_id")
        batch_op.drop_column("source")

    with op.batch_alter_table("fax_page", schema=None) as batch_op:
        batch_op.drop_index("ix_fax_page_unit")

    op.drop_table("fax_page")
    with op.batch_alter_table("owed_material", schema=None) as batch_op:
        batch_op.drop_index("ix_owed_material_resident")
        batch_op.drop_index("ix_owed_material_due")

    op.drop_table("owed_material")
    with op.batch_alter_table("counter_matter", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_counter_matter_visit_id"))

    op.drop_table("counter_matter")
    with op.batch_alter_table("hall_period", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_hall_period_ticket_id"))
        batch_op.drop_index(
            "ix_hall_period_running",
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )
        batch_op.drop_index("ix_hall_period_hall")

    op.drop_table("hall_period")
    with op.batch_alter_table("hall_matter", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_hall_matter_ticket_id"))
        batch_op.drop_index(batch_op.f("ix_hall_matter_case_id"))

    op.drop_table("hall_matter")
    op.drop_table("window_rule_reading")
    with op.batch_alter_table("sharing_request", schema=None) as batch_op:
        batch_op.drop_index("ix_sharing_request_visit")

    op.drop_table("sharing_request")
    with op.batch_alter_table("hall_ticket", schema=None) as batch_op:
        batch_op.drop_index("ix_hall_ticket_slot")
        batch_op.drop_index("ix_hall_ticket_day")
        batch_op.drop_index(
            "ix_hall_ticket_counter",
            sqlite_where=sa.text("counter_id IS NOT NULL AND state IN ('called', 'serving')"),
            postgresql_where=sa.text("counter_id IS NOT NULL AND state IN ('called', 'serving')"),
        )

    op.drop_table("hall_ticket")
    op.drop_table("window_rule_version")
    op.drop_table("reach_minutes")
    with op.batch_alter_table("material_consent", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_material_consent_resident_id"))

    op.drop_table("material_consent")
    with op.batch_alter_table("hall_counter", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_hall_counter_sitting",
            sqlite_where=sa.text("person_id IS NOT NULL"),
            postgresql_where=sa.text("person_id IS NOT NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_hall_counter_hall_id"))

    op.drop_table("hall_counter")
    with op.batch_alter_table("counter_visit", schema=None) as batch_op:
        batch_op.drop_index("ix_counter_visit_unit")
        batch_op.drop_index(batch_op.f("ix_counter_visit_ticket_uid"))
        batch_op.drop_index(batch_op.f("ix_counter_visit_resident_id"))
        batch_op.drop_index("ix_counter_visit_clerk")
        batch_op.drop_index(batch_op.f("ix_counter_visit_agent_index"))

    op.drop_table("counter_visit")
    with op.batch_alter_table("hall_service", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_hall_service_hall_id"))

    op.drop_table("hall_service")
    op.drop_table("window_rule")
    op.drop_table("opening_hour")
    op.drop_table("hall")
