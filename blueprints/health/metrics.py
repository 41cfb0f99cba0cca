"""/metrics: requests counted and timed per endpoint, and the outbox as it is now."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

from flask import Response, g, request
from flask.typing import ResponseReturnValue
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from blueprints.health import bp
from extensions import db
from process import outbox

REQUESTS = Counter("daiban_requests", "Requests by endpoint, method and status.", ("endpoint", "method", "status"))
SECONDS = Histogram(
    "daiban_request_seconds",
    "Time to answer by endpoint.",
    ("endpoint",),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
# Several web processes count together only through files of this folder.
SHARED = "PROMETHEUS_MULTIPROC_DIR"


@bp.before_app_request
def _started() -> None:
    g.started = time.perf_counter()


@bp.after_app_request
def _counted(response: Response) -> Response:
    if request.endpoint != "static":
        # Unknown addresses share one name: a scanner must not fill the memory with labels.
        endpoint = request.endpoint or "none"
        REQUESTS.labels(endpoint, request.method, response.status_code).inc()
        if "started" in g:
            SECONDS.labels(endpoint).observe(time.perf_counter() - g.started)
    return response


class OutboxCollector(Collector):
    """What waits and what was given up, read when asked."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        found = outbox.status(db.session())
        items = GaugeMetricFamily("daiban_outbox_items", "Outbox rows by status.", labels=("status",))
        for name in ("waiting", "leased", "done", "dead"):
            items.add_metric([name], found[name])
        yield items
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
    counted: CollectorRegistry = REGISTRY
    if os.environ.get(SHARED):
        counted = CollectorRegistry()
        MultiProcessCollector(counted)
    return Response(generate_latest(counted) + generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
