"""What runs later: the relay rings, the worker does, the outbox row is the truth."""
