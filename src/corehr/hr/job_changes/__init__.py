"""Job changes: created, approved, taking effect, revoked."""
