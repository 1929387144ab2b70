"""Job grades: bands across levels."""
