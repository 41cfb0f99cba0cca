"""Starts, watches and stops the processes of one installation; standard library only, so that it starts at once."""
