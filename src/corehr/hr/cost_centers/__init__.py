"""Cost centres: the units that costs are charged to."""
