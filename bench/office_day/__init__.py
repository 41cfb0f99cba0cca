"""A working day of a city as a benchmark: who comes when, what is done about it, and the clock in fast motion."""
