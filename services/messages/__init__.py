"""What people are told: when (listening), in which words (wording), on which ways (preferences, telling), and whether it arrived (sending, reports)."""
