"""Verbs: what people do. A service is guard, change, record; the actor is an argument and nothing here commits."""

from __future__ import annotations

import importlib

from catalogue import loader as catalogue

# Importing a module registers its requirements, effects, predicates and creators with the kernel.
REGISTERING = (
    "cases",
    "materials",
    "certificates",
    "print_records",
    "handing_over",
    "corrections",
    "papers_out",
    "papers_data",
    "paper_conditions",
    "record_inquiries",
    "promises",
    "owed",
    "broken",
    "inside",
    "commitments",
    "site_surveys",
    "delegations",
    "delegation_steps",
    "successors",
    "further",
    "sub_tickets",
    "sub_ticket_steps",
    "address_routing",
    "visits",
    "doorstep",
    "letters",
    "custody",
    "care",
    "errands",
    "errand_kinds",
    "errand_codes",
    "errand_carrying",
    "errand_life",
    "errand_endings",
    "dispatch",
    "courier_record",
    "tours",
    "courier_runs",
    "run_arrivals",
    "carried",
    "catalogue_items",
    "publicity",
    "express",
    "one_thing.together",
    "trips",
    "outgoing",
    "exit_handing",
    "seat",
    "photo_filing",
    "hall_papers",
    "office_notices",
    "messages.listening",
    "messages.replies",
    "rules",
    "office_rules",
    "office_matters",
    "projects.steps",
    "projects.ending",
    "projects.minute",
    "hall",
    "point_items",
    "unit_operators",
    "grid_members",
    "joint_stations",
    "exchange",
    "search_index",
)


def register() -> None:
    for name in REGISTERING:
        importlib.import_module(f"services.{name}")


def role_names() -> frozenset[str]:
    return frozenset(catalogue.roles())


def paper_names() -> frozenset[str]:
    """Every paper that is made here, shipped or the office's own."""
    from services.papers import definition

    return frozenset(definition.paper_ids())
