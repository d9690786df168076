"""Names by which phones find a server: where they lead, and their certificates."""
