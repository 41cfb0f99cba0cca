"""Work in the field: phones that are known, the day they take along, and what they hand in afterwards."""
