"""Job changes: asked for, approved, taking effect, taken back."""
