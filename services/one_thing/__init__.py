"""一件事: one need, one filing, one exit. The members are ordinary cases; a bundle decides nothing a second time."""

from services.one_thing.exit import results as results
from services.one_thing.reading import of_case as of_case
