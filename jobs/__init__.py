"""What runs later: the relay rings, the worker does, the outbox row is the truth."""

# Whoever puts work into the outbox must know which queue it belongs to.
from jobs import kinds as kinds
