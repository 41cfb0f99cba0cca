"""Official papers: one folder per paper becomes one PDF, laid out by WeasyPrint in a limited child."""
