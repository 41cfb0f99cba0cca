"""Verbs: what people do. Services take the actor as an argument and never commit."""
