"""one thing, the exit, projects and the back office

Revision: 0008, after 0007
"""

from __future__ import annotations

import secrets
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from alembic import op

import models.base

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

OF_ONE_THING = (
    "(case_id IS NOT NULL AND material_id IS NOT NULL AND content_id IS NULL)"
    " OR (case_id IS NULL AND material_id IS NULL AND content_id IS NOT NULL AND name <> '')"
)


def upgrade() -> None:
    op.create_table(
        "delegation_rule",
        sa.Column("id", models.base.BigId, nullable=False),
        sa.Column("uid", sa.String(length=22), nullable=False),
        sa.Column("district", sa.String(length=40), nullable=False),
        sa.Column("agency_id", sa.String(length=40), nullable=False),
        sa.Column("field", sa.String(length=30), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("written_at", models.base.UtcDateTime(), nullable=False),
        sa.Column("written_by_id", models.base.BigId, nullable=False),
        sa.Column("verdict", sa.String(length=5), nullable=False),
        sa.Column("remark", sa.String(length=200), nullable=False),
        sa.Column("checked_at", models.base.UtcDateTime(), nullable=True),
        sa.Column("checked_by_id", models.base.BigId, nullable=True),
        sa.CheckConstraint("verdict IN ('', 'good', 'bad')", name=op.f("ck_delegation_rule_verdict")),
        sa.ForeignKeyConstraint(["agency_id"], ["agency.id"], name=op.f("fk_delegation_rule_agency_id_agency")),
        sa.ForeignKeyConstraint(["checked_by_id"], ["person.id"], name=op.f("fk_delegation_rule_checked_by_id_person")),
        sa.ForeignKeyConstraint(["written_by_id"], ["person.id"], name=op.f("fk_delegation_rule_written_by_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delegation_rule")),
        sa.UniqueConstraint("agency_id", "field", "number", name=op.f("uq_delegation_rule_agency_id_field_number")),
        sa.UniqueConstraint("uid", name=op.f("uq_delegation_rule_uid")),
    )
    op.create_table(
        "payment_list",
        sa.Column("id", models.base.BigId, nullable=False),
        sa.Column("uid", sa.String(length=22), nullable=False),
        sa.Column("district", sa.String(length=40), nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("place_id", sa.String(length=40), nullable=False),
        sa.Column("place_path", models.base.Path, nullable=False),
        sa.Column("made_at", models.base.UtcDateTime(), nullable=False),
        sa.Column("made_by_id", models.base.BigId, nullable=False),
        sa.Column("taken_out", sa.Integer(), nullable=False),
        sa.Column("paid_on", sa.Date(), nullable=True),
        sa.Column("paid_by_id", models.base.BigId, nullable=True),
        sa.ForeignKeyConstraint(["made_by_id"], ["person.id"], name=op.f("fk_payment_list_made_by_id_person")),
        sa.ForeignKeyConstraint(["paid_by_id"], ["person.id"], name=op.f("fk_payment_list_paid_by_id_person")),
        sa.ForeignKeyConstraint(["place_id"], ["agency.id"], name=op.f("fk_payment_list_place_id_agency")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_list")),
        sa.UniqueConstraint("number", name=op.f("uq_payment_list_number")),
        sa.UniqueConstraint("uid", name=op.f("uq_payment_list_uid")),
    )
    with op.batch_alter_table("payment_list", schema=None) as batch_op:
        batch_op.create_index("ix_payment_list_place", ["place_path", "made_at"], unique=False)

    op.create_table(
        "project_chart",
        sa.Column("id", models.base.BigId, nullable=False),
        sa.Column("district", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=30), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("body", models.base.Json, nullable=False),
        sa.Column("change", sa.String(length=200), nullable=False),
        sa.Column("released_at", models.base.UtcDateTime(), nullable=False),
        sa.Column("released_by_id", models.base.BigId, nullable=True),
        sa.ForeignKeyConstraint(["released_by_id"], ["person.id"], name=op.f("fk_project_chart_released_by_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_project_chart")),
        sa.UniqueConstraint("district", "key", "number", name=op.f("uq_project_chart_district_key_number")),
    )
    op.create_table(
        "work_unit",
        sa.Column("id", models.base.BigId, nullable=False),
        sa.Column("uid", sa.String(length=22), nullable=False),
        sa.Column("district", sa.String(length=40), nullable=False),
        sa.Column("place_id", sa.String(length=40), nullable=False),
        sa.Column("place_path", models.base.Path, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("credit_code", sa.String(length=18), nullable=False),
        sa.Column("address", sa.String(length=120), nullable=False),
        sa.Column("in_charge_id", models.base.BigId, nullable=False),
        sa.Column("illustrative", sa.Boolean(), nullable=False),
        sa.Column("registered_by_id", models.base.BigId, nullable=False),
        sa.Column("registered_at", models.base.UtcDateTime(), nullable=False),
        sa.Column("closed_at", models.base.UtcDateTime(), nullable=True),
        sa.Column("closed_by_id", models.base.BigId, nullable=True),
        sa.Column("close_reason", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["closed_by_id"], ["person.id"], name=op.f("fk_work_unit_closed_by_id_person")),
        sa.ForeignKeyConstraint(["in_charge_id"], ["person.id"], name=op.f("fk_work_unit_in_charge_id_person")),
        sa.ForeignKeyConstraint(["place_id"], ["agency.id"], name=op.f("fk_work_unit_place_id_agency")),
        sa.ForeignKeyConstraint(["registered_by_id"], ["person.id"], name=op.f("fk_work_unit_registered_by_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work_unit")),
        sa.UniqueConstraint("credit_code", name=op.f("uq_work_unit_credit_code")),
        sa.UniqueConstraint("uid", name=op.f("uq_work_unit_uid")),
    )
    with op.batch_alter_table("work_unit", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_work_unit_in_charge_id"), ["in_charge_id"], unique=False)
        batch_op.create_index("ix_work_unit_place", ["place_path", "registered_at"], unique=False)

    op.create_table(
        "one_thing",
        sa.Column("id", models.base.BigId, nullable=False),
        sa.Column("uid", sa.String(length=22), nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("district", sa.String(length=40), nullable=False),
        sa.Column("theme", sa.String(length=60), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("unit_id", sa.String(length=40), nullable=False),
        sa.Column("lead", sa.String(length=120), nullable=False),
        sa.Column("resident_id", models.base.BigId, nullable=False),
        sa.Column("visit_id", models.base.BigId, nullable=True),
        sa.Column("channel", sa.String(length=40), nullable=False),
        sa.Column("opened_at", models.base.UtcDateTime(), nullable=False),
        sa.Column("decided_at", models.base.UtcDateTime(), nullable=True),
        sa.Column("closed_at", models.base.UtcDateTime(), nullable=True),
        sa.Column("left_out", models.base.Json, nullable=False),
        sa.Column("boxes_single", sa.Integer(), nullable=False),
        sa.Column("boxes_joint", sa.Integer(), nullable=False),
        sa.Column("papers_single", sa.Integer(), nullable=False),
        sa.Column("papers_joint", sa.Integer(), nullable=False),
        sa.Column("days_single", sa.Integer(), nullable=False),
        sa.Column("days_joint", sa.Integer(), nullable=False),
        sa.Column("rating", sa.Integer(), nullable=True),
        sa.Column("rating_words", models.base.EncryptedText(), nullable=True),
        sa.Column("rated_at", models.base.UtcDateTime(), nullable=True),
        sa.CheckConstraint("rating IS NULL OR rating BETWEEN 1 AND 5", name=op.f("ck_one_thing_rating")),
        sa.ForeignKeyConstraint(["resident_id"], ["resident.id"], name=op.f("fk_one_thing_resident_id_resident")),
        sa.ForeignKeyConstraint(["unit_id"], ["agency.id"], name=op.f("fk_one_thing_unit_id_agency")),
        sa.ForeignKeyConstraint(["visit_id"], ["counter_visit.id"], name=op.f("fk_one_thing_visit_id_counter_visit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_one_thing")),
        sa.UniqueConstraint("number", name=op.f("uq_one_thing_number")),
        sa.UniqueConstraint("uid", name=op.f("uq_one_thing_uid")),
    )
    with op.batch_alter_table("one_thing", schema=None) as batch_op:
        batch_op.create_index("ix_one_thing_report", ["district", "opened_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_one_thing_resident_id"), ["resident_id"], unique=False)
        batch_op.create_index("ix_one_thing_unit", ["unit_id", "opened_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_one_thing_visit_id"), ["visit_id"], unique=False)

    op.create_table(
        "payment_line",
        sa.Column("id", models.base.BigId, nullable=False),
        sa.Column("list_id", models.base.BigId, nullable=False),
        sa.Column("content_id", models.base.BigId, nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=120), nullable=False),
        sa.CheckConstraint("state IN ('listed', 'paid', 'failed')", name=op.f("ck_payment_line_state")),
        sa.CheckConstraint("amount > 0", name=op.f("ck_payment_line_amount")),
        sa.ForeignKeyConstraint(["content_id"], ["content.id"], name=op.f("fk_payment_line_content_id_content")),
        sa.ForeignKeyConstraint(["list_id"], ["payment_list.id"], name=op.f("fk_payment_line_list_id_payment_list")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_line")),
    )
    with op.batch_alter_table("payment_line", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_payment_line_list_id"), ["list_id"], unique=False)
        batch_op.create_index(
            "uq_payment_line_live",
            ["content_id"],
            unique=True,
            sqlite_where=sa.text("state IN ('listed', 'paid')"),
            postgresql_where=sa.text("state IN ('listed', 'paid')"),
        )

    op.create_table(
        "project_person",
        sa.Column("id", models.base.BigId, nullable=False),
        sa.Column("district", sa.String(length=40), nullable=False),
        sa.Column("content_id", models.base.BigId, nullable=False),
        sa.Column("capacity", sa.String(length=12), nullable=False),
        sa.Column("person_id", models.base.BigId, nullable=False),
        sa.Column("since", models.base.UtcDateTime(), nullable=False),
        sa.Column("until", models.base.UtcDateTime(), nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("by_id", models.base.BigId, nullable=True),
        sa.CheckConstraint(
            "capacity IN ('handler', 'coordinator', 'liaison')", name=op.f("ck_project_person_capacity")
        ),
        sa.ForeignKeyConstraint(["by_id"], ["person.id"], name=op.f("fk_project_person_by_id_person")),
        sa.ForeignKeyConstraint(["content_id"], ["content.id"], name=op.f("fk_project_person_content_id_content")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_project_person_person_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_project_person")),
    )
    with op.batch_alter_table("project_person", schema=None) as batch_op:
        batch_op.create_index("ix_project_person_person", ["person_id", "until"], unique=False)
        batch_op.create_index(
            "uq_project_person_now",
            ["content_id", "capacity"],
            unique=True,
            sqlite_where=sa.text("until IS NULL"),
            postgresql_where=sa.text("until IS NULL"),
        )

    op.create_table(
        "work_unit_operator",
        sa.Column("id", models.base.BigId, nullable=False),
        sa.Column("uid", sa.String(length=22), nullable=False),
        sa.Column("district", sa.String(length=40), nullable=False),
        sa.Column("unit_id", models.base.BigId, nullable=False),
        sa.Column("person_id", models.base.BigId, nullable=False),
        sa.Column("functions", models.base.Json, nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("named_by_id", models.base.BigId, nullable=False),
        sa.Column("named_at", models.base.UtcDateTime(), nullable=False),
        sa.Column("ended_at", models.base.UtcDateTime(), nullable=True),
        sa.Column("ended_by_id", models.base.BigId, nullable=True),
        sa.Column("end_reason", sa.String(length=200), nullable=False),
        sa.CheckConstraint("until IS NULL OR since <= until", name=op.f("ck_work_unit_operator_period")),
        sa.ForeignKeyConstraint(["ended_by_id"], ["person.id"], name=op.f("fk_work_unit_operator_ended_by_id_person")),
        sa.ForeignKeyConstraint(["named_by_id"], ["person.id"], name=op.f("fk_work_unit_operator_named_by_id_person")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_work_unit_operator_person_id_person")),
        sa.ForeignKeyConstraint(["unit_id"], ["work_unit.id"], name=op.f("fk_work_unit_operator_unit_id_work_unit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work_unit_operator")),
        sa.UniqueConstraint("uid", name=op.f("uq_work_unit_operator_uid")),
    )
    with op.batch_alter_table("work_unit_operator", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_work_unit_operator_person_id"), ["person_id"], unique=False)
        batch_op.create_index("ix_work_unit_operator_unit", ["unit_id", "person_id"], unique=False)

    op.create_table(
        "minutes_baseline",
        sa.Column("id", models.base.BigId, nullable=False),
        sa.Column("district", sa.String(length=40), nullable=False),
        sa.Column("item_id", models.base.BigId, nullable=False),
        sa.Column("place_id", sa.String(length=40), nullable=False),
        sa.Column("before_minutes", sa.Integer(), nullable=False),
        sa.Column("target_minutes", sa.Integer(), nullable=True),
        sa.Column("words", sa.String(length=200), nullable=False),
        sa.Column("set_by_id", models.base.BigId, nullable=False),
        sa.Column("set_at", models.base.UtcDateTime(), nullable=False),
        sa.Column("ended_at", models.base.UtcDateTime(), nullable=True),
        sa.CheckConstraint("before_minutes BETWEEN 1 AND 100000", name=op.f("ck_minutes_baseline_before")),
        sa.CheckConstraint(
            "target_minutes IS NULL OR target_minutes BETWEEN 1 AND 100000", name=op.f("ck_minutes_baseline_target")
        ),
        sa.ForeignKeyConstraint(
            ["item_id"], ["service_item.id"], name=op.f("fk_minutes_baseline_item_id_service_item")
        ),
        sa.ForeignKeyConstraint(["place_id"], ["agency.id"], name=op.f("fk_minutes_baseline_place_id_agency")),
        sa.ForeignKeyConstraint(["set_by_id"], ["person.id"], name=op.f("fk_minutes_baseline_set_by_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_minutes_baseline")),
    )
    with op.batch_alter_table("minutes_baseline", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_minutes_baseline_item_id"), ["item_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_minutes_baseline_place_id"), ["place_id"], unique=False)

    op.create_table(
        "project_meeting",
        sa.Column("id", models.base.BigId, nullable=False),
        sa.Column("uid", sa.String(length=22), nullable=False),
        sa.Column("district", sa.String(length=40), nullable=False),
        sa.Column("content_id", models.base.BigId, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("subject", sa.String(length=120), nullable=False),
        sa.Column("venue", sa.String(length=120), nullable=False),
        sa.Column("held_on", sa.Date(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("attendees", models.base.Json, nullable=False),
        sa.Column("opinions", models.base.Json, nullable=False),
        sa.Column("conclusion", sa.Text(), nullable=False),
        sa.Column("called_by_id", models.base.BigId, nullable=True),
        sa.Column("closed_at", models.base.UtcDateTime(), nullable=True),
        sa.Column("paper_id", models.base.BigId, nullable=True),
        sa.CheckConstraint("state IN ('planned', 'held', 'cancelled')", name=op.f("ck_project_meeting_state")),
        sa.ForeignKeyConstraint(["called_by_id"], ["person.id"], name=op.f("fk_project_meeting_called_by_id_person")),
        sa.ForeignKeyConstraint(["content_id"], ["content.id"], name=op.f("fk_project_meeting_content_id_content")),
        sa.ForeignKeyConstraint(["paper_id"], ["paper.id"], name=op.f("fk_project_meeting_paper_id_paper")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_project_meeting")),
        sa.UniqueConstraint("uid", name=op.f("uq_project_meeting_uid")),
    )
    with op.batch_alter_table("project_meeting", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_project_meeting_content_id"), ["content_id"], unique=False)

    op.create_table(
        "one_thing_member",
        sa.Column("id", models.base.BigId, nullable=False),
        sa.Column("bundle_id", models.base.BigId, nullable=False),
        sa.Column("case_id", models.base.BigId, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("department", sa.String(length=80), nullable=False),
        sa.Column("stage", sa.Integer(), nullable=False),
        sa.Column("after", models.base.Json, nullable=False),
        sa.ForeignKeyConstraint(["bundle_id"], ["one_thing.id"], name=op.f("fk_one_thing_member_bundle_id_one_thing")),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_one_thing_member_case_id_case_file")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_one_thing_member")),
        sa.UniqueConstraint("case_id", name=op.f("uq_one_thing_member_case_id")),
    )
    with op.batch_alter_table("one_thing_member", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_one_thing_member_bundle_id"), ["bundle_id"], unique=False)

    op.create_table(
        "project_row",
        sa.Column("id", models.base.BigId, nullable=False),
        sa.Column("uid", sa.String(length=22), nullable=False),
        sa.Column("district", sa.String(length=40), nullable=False),
        sa.Column("content_id", models.base.BigId, nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("stage", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("department", sa.String(length=60), nullable=False),
        sa.Column("agency_id", sa.String(length=40), nullable=True),
        sa.Column("working_days", sa.Integer(), nullable=False),
        sa.Column("materials", models.base.Json, nullable=False),
        sa.Column("after", models.base.Json, nullable=False),
        sa.Column("after_works", sa.Boolean(), nullable=False),
        sa.Column("may_commit", sa.Boolean(), nullable=False),
        sa.Column("joint", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("person_id", models.base.BigId, nullable=True),
        sa.Column("started_on", sa.Date(), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("finished_on", sa.Date(), nullable=True),
        sa.Column("fulfil_by", sa.Date(), nullable=True),
        sa.Column("answer", sa.String(length=300), nullable=False),
        sa.Column("meeting_id", models.base.BigId, nullable=True),
        sa.Column("linked_id", models.base.BigId, nullable=True),
        sa.CheckConstraint(
            "state IN ('open', 'running', 'done', 'refused', 'committed', 'dropped')", name=op.f("ck_project_row_state")
        ),
        sa.ForeignKeyConstraint(["agency_id"], ["agency.id"], name=op.f("fk_project_row_agency_id_agency")),
        sa.ForeignKeyConstraint(["content_id"], ["content.id"], name=op.f("fk_project_row_content_id_content")),
        sa.ForeignKeyConstraint(["linked_id"], ["content.id"], name=op.f("fk_project_row_linked_id_content")),
        sa.ForeignKeyConstraint(
            ["meeting_id"], ["project_meeting.id"], name=op.f("fk_project_row_meeting_id_project_meeting")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_project_row_person_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_project_row")),
        sa.UniqueConstraint("content_id", "key", name=op.f("uq_project_row_content_id_key")),
        sa.UniqueConstraint("uid", name=op.f("uq_project_row_uid")),
    )
    with op.batch_alter_table("project_row", schema=None) as batch_op:
        batch_op.create_index("ix_project_row_agency", ["agency_id", "state"], unique=False)
        batch_op.create_index("ix_project_row_linked", ["linked_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_project_row_meeting_id"), ["meeting_id"], unique=False)
        batch_op.create_index("ix_project_row_person", ["person_id", "state"], unique=False)

    op.create_table(
        "work_unit_filing",
        sa.Column("case_id", models.base.BigId, nullable=False),
        sa.Column("district", sa.String(length=40), nullable=False),
        sa.Column("unit_id", models.base.BigId, nullable=False),
        sa.Column("operator_id", models.base.BigId, nullable=True),
        sa.Column("filed_by_id", models.base.BigId, nullable=False),
        sa.Column("begun_at", models.base.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_work_unit_filing_case_id_case_file")),
        sa.ForeignKeyConstraint(["filed_by_id"], ["person.id"], name=op.f("fk_work_unit_filing_filed_by_id_person")),
        sa.ForeignKeyConstraint(
            ["operator_id"], ["work_unit_operator.id"], name=op.f("fk_work_unit_filing_operator_id_work_unit_operator")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["work_unit.id"], name=op.f("fk_work_unit_filing_unit_id_work_unit")),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_work_unit_filing")),
    )
    with op.batch_alter_table("work_unit_filing", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_work_unit_filing_unit_id"), ["unit_id"], unique=False)

    op.create_table(
        "commitment",
        sa.Column("id", models.base.BigId, nullable=False),
        sa.Column("uid", sa.String(length=22), nullable=False),
        sa.Column("district", sa.String(length=40), nullable=False),
        sa.Column("case_id", models.base.BigId, nullable=False),
        sa.Column("resident_id", models.base.BigId, nullable=True),
        sa.Column("material_id", models.base.BigId, nullable=True),
        sa.Column("subject", sa.String(length=120), nullable=False),
        sa.Column("words", sa.String(length=300), nullable=False),
        sa.Column("due", sa.Date(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("made_at", models.base.UtcDateTime(), nullable=False),
        sa.Column("made_by_id", models.base.BigId, nullable=False),
        sa.Column("signature_id", models.base.BigId, nullable=True),
        sa.Column("checked_at", models.base.UtcDateTime(), nullable=True),
        sa.Column("checked_by_id", models.base.BigId, nullable=True),
        sa.Column("finding", sa.String(length=300), nullable=False),
        sa.Column("broken_on", sa.Date(), nullable=True),
        sa.CheckConstraint("state IN ('open', 'kept', 'broken', 'ended')", name=op.f("ck_commitment_state")),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_commitment_case_id_case_file")),
        sa.ForeignKeyConstraint(["checked_by_id"], ["person.id"], name=op.f("fk_commitment_checked_by_id_person")),
        sa.ForeignKeyConstraint(["made_by_id"], ["person.id"], name=op.f("fk_commitment_made_by_id_person")),
        sa.ForeignKeyConstraint(["material_id"], ["material.id"], name=op.f("fk_commitment_material_id_material")),
        sa.ForeignKeyConstraint(["resident_id"], ["resident.id"], name=op.f("fk_commitment_resident_id_resident")),
        sa.ForeignKeyConstraint(["signature_id"], ["document.id"], name=op.f("fk_commitment_signature_id_document")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_commitment")),
        sa.UniqueConstraint("case_id", "subject", name=op.f("uq_commitment_case_id_subject")),
        sa.UniqueConstraint("uid", name=op.f("uq_commitment_uid")),
    )
    with op.batch_alter_table("commitment", schema=None) as batch_op:
        batch_op.create_index("ix_commitment_due", ["district", "state", "due"], unique=False)
        batch_op.create_index("ix_commitment_resident", ["resident_id", "broken_on"], unique=False)

    op.create_table(
        "exit_receipt",
        sa.Column("id", models.base.BigId, nullable=False),
        sa.Column("uid", sa.String(length=22), nullable=False),
        sa.Column("district", sa.String(length=40), nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("unit_id", sa.String(length=40), nullable=False),
        sa.Column("clerk_id", models.base.BigId, nullable=False),
        sa.Column("resident_id", models.base.BigId, nullable=True),
        sa.Column("who", sa.String(length=10), nullable=False),
        sa.Column("collector", models.base.EncryptedJson(), nullable=False),
        sa.Column("signature_id", models.base.BigId, nullable=True),
        sa.Column("paper_id", models.base.BigId, nullable=True),
        sa.Column("at", models.base.UtcDateTime(), nullable=False),
        sa.CheckConstraint("who IN ('holder', 'agent', 'code')", name=op.f("ck_exit_receipt_who")),
        sa.ForeignKeyConstraint(["clerk_id"], ["person.id"], name=op.f("fk_exit_receipt_clerk_id_person")),
        sa.ForeignKeyConstraint(["paper_id"], ["paper.id"], name=op.f("fk_exit_receipt_paper_id_paper")),
        sa.ForeignKeyConstraint(["resident_id"], ["resident.id"], name=op.f("fk_exit_receipt_resident_id_resident")),
        sa.ForeignKeyConstraint(["signature_id"], ["document.id"], name=op.f("fk_exit_receipt_signature_id_document")),
        sa.ForeignKeyConstraint(["unit_id"], ["agency.id"], name=op.f("fk_exit_receipt_unit_id_agency")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exit_receipt")),
        sa.UniqueConstraint("uid", name=op.f("uq_exit_receipt_uid")),
    )
    with op.batch_alter_table("exit_receipt", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_exit_receipt_resident_id"), ["resident_id"], unique=False)

    op.create_table(
        "seat_confirmation",
        sa.Column("id", models.base.BigId, nullable=False),
        sa.Column("uid", sa.String(length=22), nullable=False),
        sa.Column("district", sa.String(length=40), nullable=False),
        sa.Column("case_id", models.base.BigId, nullable=False),
        sa.Column("guide_id", models.base.BigId, nullable=False),
        sa.Column("unit_id", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("way", sa.String(length=10), nullable=False),
        sa.Column("shown", sa.String(length=64), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("asked_at", models.base.UtcDateTime(), nullable=False),
        sa.Column("until", models.base.UtcDateTime(), nullable=False),
        sa.Column("answered_at", models.base.UtcDateTime(), nullable=True),
        sa.Column("words", models.base.EncryptedText(), nullable=True),
        sa.Column("signature_id", models.base.BigId, nullable=True),
        sa.CheckConstraint(
            "state IN ('asked', 'confirmed', 'refused', 'over')", name=op.f("ck_seat_confirmation_state")
        ),
        sa.CheckConstraint("way IN ('', 'phone', 'pad', 'account')", name=op.f("ck_seat_confirmation_way")),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_seat_confirmation_case_id_case_file")),
        sa.ForeignKeyConstraint(["guide_id"], ["person.id"], name=op.f("fk_seat_confirmation_guide_id_person")),
        sa.ForeignKeyConstraint(
            ["signature_id"], ["document.id"], name=op.f("fk_seat_confirmation_signature_id_document")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["agency.id"], name=op.f("fk_seat_confirmation_unit_id_agency")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seat_confirmation")),
        sa.UniqueConstraint("uid", name=op.f("uq_seat_confirmation_uid")),
    )
    with op.batch_alter_table("seat_confirmation", schema=None) as batch_op:
        batch_op.create_index("ix_seat_confirmation_case", ["case_id", "id"], unique=False)

    op.create_table(
        "outgoing",
        sa.Column("id", models.base.BigId, nullable=False),
        sa.Column("uid", sa.String(length=22), nullable=False),
        sa.Column("district", sa.String(length=40), nullable=False),
        sa.Column("case_id", models.base.BigId, nullable=False),
        sa.Column("resident_id", models.base.BigId, nullable=True),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("way", sa.String(length=10), nullable=False),
        sa.Column("unit_id", sa.String(length=40), nullable=False),
        sa.Column("moved_to_id", sa.String(length=40), nullable=True),
        sa.Column("handover_id", models.base.BigId, nullable=True),
        sa.Column("ready_at", models.base.UtcDateTime(), nullable=True),
        sa.Column("waits_since", models.base.UtcDateTime(), nullable=True),
        sa.Column("reminded", sa.Integer(), nullable=False),
        sa.Column("reminded_at", models.base.UtcDateTime(), nullable=True),
        sa.Column("box", sa.String(length=20), nullable=False),
        sa.Column("code", models.base.EncryptedText(), nullable=True),
        sa.Column("code_failures", sa.Integer(), nullable=False),
        sa.Column("gone_at", models.base.UtcDateTime(), nullable=True),
        sa.Column("gone_by_id", models.base.BigId, nullable=True),
        sa.Column("receipt_id", models.base.BigId, nullable=True),
        sa.CheckConstraint("kind IN ('result', 'refusal')", name=op.f("ck_outgoing_kind")),
        sa.CheckConstraint(
            "state IN ('making', 'waiting', 'underway', 'gone', 'dropped')", name=op.f("ck_outgoing_state")
        ),
        sa.CheckConstraint(
            "way IN ('counter', 'express', 'door', 'terminal', 'station', 'ticket')", name=op.f("ck_outgoing_way")
        ),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_outgoing_case_id_case_file")),
        sa.ForeignKeyConstraint(["gone_by_id"], ["person.id"], name=op.f("fk_outgoing_gone_by_id_person")),
        sa.ForeignKeyConstraint(["handover_id"], ["handover.id"], name=op.f("fk_outgoing_handover_id_handover")),
        sa.ForeignKeyConstraint(["moved_to_id"], ["agency.id"], name=op.f("fk_outgoing_moved_to_id_agency")),
        sa.ForeignKeyConstraint(["receipt_id"], ["exit_receipt.id"], name=op.f("fk_outgoing_receipt_id_exit_receipt")),
        sa.ForeignKeyConstraint(["resident_id"], ["resident.id"], name=op.f("fk_outgoing_resident_id_resident")),
        sa.ForeignKeyConstraint(["unit_id"], ["agency.id"], name=op.f("fk_outgoing_unit_id_agency")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outgoing")),
        sa.UniqueConstraint("case_id", name=op.f("uq_outgoing_case_id")),
        sa.UniqueConstraint("uid", name=op.f("uq_outgoing_uid")),
    )
    with op.batch_alter_table("outgoing", schema=None) as batch_op:
        batch_op.create_index("ix_outgoing_moved", ["moved_to_id", "state"], unique=False)
        batch_op.create_index(batch_op.f("ix_outgoing_receipt_id"), ["receipt_id"], unique=False)
        batch_op.create_index("ix_outgoing_resident", ["resident_id", "state"], unique=False)
        batch_op.create_index("ix_outgoing_unit", ["unit_id", "state", "ready_at"], unique=False)

    with op.batch_alter_table("item_setting", schema=None) as batch_op:
        batch_op.add_column(sa.Column("commitments", sa.String(length=1000), nullable=True))
        batch_op.add_column(sa.Column("survey_runs", sa.Boolean(), nullable=True))

    op.create_table(
        "terminal",
        sa.Column("id", models.base.BigId, nullable=False),
        sa.Column("uid", sa.String(length=22), nullable=False),
        sa.Column("district", sa.String(length=40), nullable=False),
        sa.Column("place_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("items", models.base.Json, nullable=False),
        sa.Column("person_id", models.base.BigId, nullable=False),
        sa.Column("pairing", sa.String(length=64), nullable=True),
        sa.Column("pairing_until", models.base.UtcDateTime(), nullable=True),
        sa.Column("secret", sa.String(length=64), nullable=True),
        sa.Column("registered_by_id", models.base.BigId, nullable=False),
        sa.Column("registered_at", models.base.UtcDateTime(), nullable=False),
        sa.Column("ended_at", models.base.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_terminal_person_id_person")),
        sa.ForeignKeyConstraint(["place_id"], ["agency.id"], name=op.f("fk_terminal_place_id_agency")),
        sa.ForeignKeyConstraint(["registered_by_id"], ["person.id"], name=op.f("fk_terminal_registered_by_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_terminal")),
        sa.UniqueConstraint("pairing", name=op.f("uq_terminal_pairing")),
        sa.UniqueConstraint("secret", name=op.f("uq_terminal_secret")),
        sa.UniqueConstraint("uid", name=op.f("uq_terminal_uid")),
    )
    with op.batch_alter_table("terminal", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_terminal_place_id"), ["place_id"], unique=False)

    with op.batch_alter_table("owed_material", schema=None) as batch_op:
        batch_op.add_column(sa.Column("content_id", models.base.BigId, nullable=True))
        batch_op.add_column(sa.Column("name", sa.String(length=120), server_default="", nullable=False))
        batch_op.alter_column("case_id", existing_type=models.base.BigId, nullable=True)
        batch_op.alter_column("material_id", existing_type=models.base.BigId, nullable=True)
        batch_op.create_unique_constraint(batch_op.f("uq_owed_material_content_id_name"), ["content_id", "name"])
        batch_op.create_foreign_key(
            batch_op.f("fk_owed_material_content_id_content"), "content", ["content_id"], ["id"]
        )
        batch_op.create_check_constraint(batch_op.f("ck_owed_material_of_one_thing"), OF_ONE_THING)

    _outgoing_of_open_cases(op.get_bind())
    _lines_of_deferrals(op.get_bind())


def _outgoing_of_open_cases(connection: sa.Connection) -> None:
    """Offices that were at work before have results that wait, too."""
    known = sa.text(
        "SELECT c.id, c.state, c.district, c.applicant_id, c.entered_at, c.place_id, c.unit_id, f.result_unit_id, f.issued_at,"
        " (SELECT count(*) FROM delegation d JOIN content t ON t.id = d.id WHERE d.case_id = c.id AND t.closed_at IS NULL"
        "  AND t.state NOT IN ('draft', 'returned', 'delivered', 'handed_over'))"
        " + (SELECT count(*) FROM home_visit v JOIN content w ON w.id = v.id"
        "    WHERE v.case_id = c.id AND w.closed_at IS NULL) AS carried"
        " FROM content c JOIN case_file f ON f.id = c.id WHERE c.state IN ('approved', 'issued')"
    )
    rows = []
    for found in connection.execute(known).mappings():
        issued = found["state"] == "issued"
        carried = issued and bool(found["carried"])
        since = found["issued_at"] or found["entered_at"] if issued else None
        rows.append(
            {
                "uid": secrets.token_urlsafe(16),
                "district": found["district"],
                "case_id": found["id"],
                "resident_id": found["applicant_id"],
                "kind": "result",
                "state": "underway" if carried else "waiting" if issued else "making",
                "way": "ticket" if carried else "counter",
                "unit_id": (found["unit_id"] if carried else None)
                or found["result_unit_id"]
                or found["unit_id"]
                or found["place_id"],
                "ready_at": since,
                "waits_since": since,
                "reminded": 0,
                "box": "",
                "code_failures": 0,
            }
        )
    if rows:
        names = list(rows[0])
        connection.execute(
            sa.text(f"INSERT INTO outgoing ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)})"),
            rows,
        )


# Tables as they are at this revision; the models go on.
_CONTENT = sa.table(
    "content",
    *(sa.column(name) for name in ("id", "type", "district", "state", "applicant_id")),
    sa.column("fields", models.base.Json),
)
_OWED = sa.table(
    "owed_material",
    *(sa.column(name) for name in ("id", "uid", "district", "content_id", "name", "resident_id", "state", "way")),
    sa.column("promised_due", sa.Date()),
    sa.column("due", sa.Date()),
    sa.column("promised_at", models.base.UtcDateTime()),
    sa.column("extension_reason"),
    sa.column("supplied_way"),
    sa.column("lapsed_on", sa.Date()),
)
_OUTBOX = sa.table(
    "outbox",
    *(sa.column(name) for name in ("job", "queue", "district", "status", "attempts", "losses", "lease_token")),
    sa.column("args", models.base.Json),
    sa.column("available_at", models.base.UtcDateTime()),
    sa.column("created_at", models.base.UtcDateTime()),
)


def _lines_of_deferrals(connection: sa.Connection) -> None:
    """What was promised beside a case stood in the thing itself; without a line of the ledger it would count as here."""
    running = sa.select(_CONTENT).where(
        _CONTENT.c.type == "deferred_acceptance",
        _CONTENT.c.state.in_(("promised", "accepted_deferred", "processing", "overdue")),
    )
    for thing in connection.execute(running).mappings().all():
        fields = thing["fields"] or {}
        if not fields.get("supply_by"):
            continue
        came = set(fields.get("supplied") or ())
        due = date.fromisoformat(fields["supply_by"])
        for name in dict.fromkeys(fields.get("owed") or ()):
            if name not in came:
                _line(connection, thing, str(name)[:120], due)


def _line(connection: sa.Connection, thing: Any, name: str, due: date) -> None:
    """One promised paper, and the evening on which it is looked at; what was late already is not told again."""
    at, late = datetime.now(UTC), thing["state"] == "overdue"
    line = sa.insert(_OWED).values(
        uid=models.base.new_uid(),
        district=thing["district"],
        content_id=thing["id"],
        name=name,
        resident_id=thing["applicant_id"],
        state="lapsed" if late else "open",
        way="",
        promised_due=due,
        due=due,
        promised_at=at,
        extension_reason="",
        supplied_way="",
        lapsed_on=due if late else None,
    )
    owed_id = connection.scalar(line.returning(_OWED.c.id))
    if late:
        return
    evening = datetime(due.year, due.month, due.day, tzinfo=ZoneInfo("Asia/Shanghai")) + timedelta(days=1)
    connection.execute(
        sa.insert(_OUTBOX).values(
            job="promises.lapse",
            queue="quick",
            args={"owed_id": owed_id, "due": due.isoformat()},
            district=thing["district"],
            status="waiting",
            attempts=0,
            losses=0,
            lease_token=0,
            available_at=max(evening, at),
            created_at=at,
        )
    )


def downgrade() -> None:
    # What is owed to a thing without slots has no place in the tables of before.
    op.execute("DELETE FROM owed_material WHERE case_id IS NULL")
    with op.batch_alter_table("owed_material", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_owed_material_of_one_thing"), type_="check")
        batch_op.drop_constraint(batch_op.f("fk_owed_material_content_id_content"), type_="foreignkey")
        batch_op.drop_constraint(batch_op.f("uq_owed_material_content_id_name"), type_="unique")
        batch_op.alter_column("material_id", existing_type=models.base.BigId, nullable=False)
        batch_op.alter_column("case_id", existing_type=models.base.BigId, nullable=False)
        batch_op.drop_column("name")
        batch_op.drop_column("content_id")

    with op.batch_alter_table("terminal", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_terminal_place_id"))

    op.drop_table("terminal")
    with op.batch_alter_table("item_setting", schema=None) as batch_op:
        batch_op.drop_column("survey_runs")
        batch_op.drop_column("commitments")

    with op.batch_alter_table("outgoing", schema=None) as batch_op:
        batch_op.drop_index("ix_outgoing_unit")
        batch_op.drop_index("ix_outgoing_resident")
        batch_op.drop_index(batch_op.f("ix_outgoing_receipt_id"))
        batch_op.drop_index("ix_outgoing_moved")

    op.drop_table("outgoing")
    with op.batch_alter_table("seat_confirmation", schema=None) as batch_op:
        batch_op.drop_index("ix_seat_confirmation_case")

    op.drop_table("seat_confirmation")
    with op.batch_alter_table("exit_receipt", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_exit_receipt_resident_id"))

    op.drop_table("exit_receipt")
    with op.batch_alter_table("commitment", schema=None) as batch_op:
        batch_op.drop_index("ix_commitment_resident")
        batch_op.drop_index("ix_commitment_due")

    op.drop_table("commitment")
    with op.batch_alter_table("work_unit_filing", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_work_unit_filing_unit_id"))

    op.drop_table("work_unit_filing")
    with op.batch_alter_table("project_row", schema=None) as batch_op:
        batch_op.drop_index("ix_project_row_person")
        batch_op.drop_index(batch_op.f("ix_project_row_meeting_id"))
        batch_op.drop_index("ix_project_row_linked")
        batch_op.drop_index("ix_project_row_agency")

    op.drop_table("project_row")
    with op.batch_alter_table("one_thing_member", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_one_thing_member_bundle_id"))

    op.drop_table("one_thing_member")
    with op.batch_alter_table("project_meeting", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_project_meeting_content_id"))

    op.drop_table("project_meeting")
    with op.batch_alter_table("minutes_baseline", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_minutes_baseline_place_id"))
        batch_op.drop_index(batch_op.f("ix_minutes_baseline_item_id"))

    op.drop_table("minutes_baseline")
    with op.batch_alter_table("work_unit_operator", schema=None) as batch_op:
        batch_op.drop_index("ix_work_unit_operator_unit")
        batch_op.drop_index(batch_op.f("ix_work_unit_operator_person_id"))

    op.drop_table("work_unit_operator")
    with op.batch_alter_table("project_person", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_project_person_now", sqlite_where=sa.text("until IS NULL"), postgresql_where=sa.text("until IS NULL")
        )
        batch_op.drop_index("ix_project_person_person")

    op.drop_table("project_person")
    with op.batch_alter_table("payment_line", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_payment_line_live",
            sqlite_where=sa.text("state IN ('listed', 'paid')"),
            postgresql_where=sa.text("state IN ('listed', 'paid')"),
        )
        batch_op.drop_index(batch_op.f("ix_payment_line_list_id"))

    op.drop_table("payment_line")
    with op.batch_alter_table("one_thing", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_one_thing_visit_id"))
        batch_op.drop_index("ix_one_thing_unit")
        batch_op.drop_index(batch_op.f("ix_one_thing_resident_id"))
        batch_op.drop_index("ix_one_thing_report")

    op.drop_table("one_thing")
    with op.batch_alter_table("work_unit", schema=None) as batch_op:
        batch_op.drop_index("ix_work_unit_place")
        batch_op.drop_index(batch_op.f("ix_work_unit_in_charge_id"))

    op.drop_table("work_unit")
    op.drop_table("project_chart")
    with op.batch_alter_table("payment_list", schema=None) as batch_op:
        batch_op.drop_index("ix_payment_list_place")

    op.drop_table("payment_list")
    op.drop_table("delegation_rule")
