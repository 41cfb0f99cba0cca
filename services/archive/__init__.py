"""The archive: dossiers as packages, the receipt, the time they are kept, and how they end."""
