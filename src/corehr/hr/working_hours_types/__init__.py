"""Working-hours types: how working time is counted."""
