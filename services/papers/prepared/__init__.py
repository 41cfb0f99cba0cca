"""The fast path: a paper laid out once for each shape it takes; a copy then costs its own characters and nothing more."""
