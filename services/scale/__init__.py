"""A city as large as wished, invented from a seed: agencies, staff, residents and their things, for trying out how fast pages stay."""
