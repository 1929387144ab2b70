"""Apps: who calls and who listens, with which scopes, and by which ids."""
