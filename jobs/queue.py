"""The one queue: where it is, and that only ids in JSON travel through it."""

from __future__ import annotations

from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

NAME = "daiban"


def connect(redis_url: str) -> Redis:
    return Redis.from_url(redis_url, socket_connect_timeout=2, health_check_interval=15)


def queue(connection: Redis) -> Queue:
    return Queue(NAME, connection=connection, serializer=JSONSerializer)


def ring(connection: Redis, item_id: int) -> None:
    """Tells a worker that this outbox row is due. Ringing twice is harmless: the lease decides who does it."""
    queue(connection).enqueue_call("jobs.worker.run_item", args=(item_id,), result_ttl=0, failure_ttl=3600, timeout=120)
