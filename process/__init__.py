"""The kernel: definitions, engine, access, clock, journal, outbox, numbers. It knows no Flask and no feature."""
