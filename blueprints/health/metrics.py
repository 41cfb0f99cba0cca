"""/metrics: requests counted and timed per endpoint, and the outbox as it is now."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from functools import lru_cache

from flask import Response, current_app, g, request
from flask.typing import ResponseReturnValue
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from blueprints.health import bp
from config import Settings
from extensions import db
from models.base import now
from process import outbox
from process.heads import Book, HeadsError

REQUESTS = Counter("daiban_requests", "Requests by endpoint, method and status.", ("endpoint", "method", "status"))
SECONDS = Histogram(
    "daiban_request_seconds",
    "Time to answer by endpoint.",
    ("endpoint",),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
# Several web processes count together only through files of this folder.
SHARED = "PROMETHEUS_MULTIPROC_DIR"


# The counter behind a set of labels stays the same; finding it costs more than counting. Methods are anybody's invention.
_requests = lru_cache(maxsize=2000)(REQUESTS.labels)
_seconds = lru_cache(maxsize=1000)(SECONDS.labels)


@bp.before_app_request
def _started() -> None:
    g.started = time.perf_counter()


@bp.after_app_request
def _counted(response: Response) -> Response:
    if request.endpoint != "static":
        # Unknown addresses share one name: a scanner must not fill the memory with labels.
        endpoint = request.endpoint or "none"
        _requests(endpoint, request.method, response.status_code).inc()
        if "started" in g:
            _seconds(endpoint).observe(time.perf_counter() - g.started)
    return response


class JournalCollector(Collector):
    """How long ago the journal was signed, and whether the signer found it as it was."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        settings: Settings = current_app.config["SETTINGS"]
        book = Book(settings.journal_heads, settings.journal_key)
        try:
            last = book.last()
        except HeadsError:
            last = None
        if last is not None:
            yield GaugeMetricFamily(
                "daiban_journal_head_age_seconds",
                "Age of the newest signed head of the journal.",
                value=(now() - last[0].at).total_seconds(),
            )
        yield GaugeMetricFamily(
            "daiban_journal_alarm", "1 when database and signed heads disagree.", value=float(book.alarm.exists())
        )


class OutboxCollector(Collector):
    """What waits and what was given up, read when asked."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        found = outbox.status(db.session())
        items = GaugeMetricFamily(
            "daiban_outbox_items", f"Outbox rows by status, counted to {outbox.COUNTED}.", labels=("status",)
        )
        for name in ("waiting", "delayed", "leased", "done", "dead", "closed"):
            items.add_metric([name], found[name])
        yield items
        waiting = GaugeMetricFamily("daiban_outbox_queue_waiting", "Due rows by queue.", labels=("queue",))
        oldest = GaugeMetricFamily("daiban_outbox_queue_oldest_seconds", "Oldest due row by queue.", labels=("queue",))
        for name, queue in found["queues"].items():
            waiting.add_metric([name], queue["waiting"])
            oldest.add_metric([name], max(queue["oldest_seconds"], 0))
        yield waiting
        yield oldest
        dead = GaugeMetricFamily("daiban_outbox_dead", "Dead letters nobody has looked after, by job.", labels=("job",))
        for job, count in outbox.dead_by_job(db.session()).items():
            dead.add_metric([job], count)
        yield dead
        yield GaugeMetricFamily(
            "daiban_outbox_oldest_seconds",
            "Age of the oldest row that is not done.",
            value=max(found["oldest_seconds"], 0),
        )


@bp.get("/metrics")
def metrics() -> ResponseReturnValue:
    g.no_page_context = True
    registry = CollectorRegistry()
    registry.register(OutboxCollector())
    registry.register(JournalCollector())
    counted: CollectorRegistry = REGISTRY
    if os.environ.get(SHARED):
        counted = CollectorRegistry()
        MultiProcessCollector(counted)
    return Response(generate_latest(counted) + generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
