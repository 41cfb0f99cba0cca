"""The queues in Redis: one for each kind of worker, and nothing but numbers of rows travels through them, as JSON."""

from __future__ import annotations

import secrets

from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

from process import outbox

# More bells than this never lie in one queue, whatever waits: the rest stays in the table until there is room.
BELLS = 500
# A job that hangs must not keep its worker for ever; the lease has long gone to somebody else by then.
TIMEOUT = 120


def name_of(queue: str) -> str:
    return f"daiban-{queue}"


NAMES = tuple(name_of(queue) for queue in outbox.QUEUES)


def connect(redis_url: str) -> Redis:
    return Redis.from_url(redis_url, socket_connect_timeout=2, health_check_interval=15)


def queue(connection: Redis, name: str) -> Queue:
    return Queue(name_of(name), connection=connection, serializer=JSONSerializer)


def lying(connection: Redis, name: str) -> set[int]:
    """The rows whose bell no worker has heard yet."""
    found = set()
    for job_id in connection.lrange(queue(connection, name).key, 0, -1):
        # A connection that decodes answers with text.
        text = job_id.decode() if isinstance(job_id, bytes) else job_id
        number = text.split("-")[1:2]
        if number and number[0].isdigit():
            found.add(int(number[0]))
    return found


def ring(connection: Redis, item_id: int, name: str, *, first: bool = False) -> None:
    """Tells a worker that this outbox row is due. Ringing twice is harmless: the lease decides who does it."""
    queue(connection, name).enqueue_call(
        "jobs.worker.run_item",
        args=(item_id,),
        job_id=f"item-{item_id}-{secrets.token_hex(4)}",
        description=f"outbox {item_id}",
        result_ttl=0,
        failure_ttl=3600,
        timeout=TIMEOUT,
        at_front=first,
    )
