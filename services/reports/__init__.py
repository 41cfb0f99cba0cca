"""Figures for those who answer for a place: always a numerator with its base, counted by the database, never a name."""
