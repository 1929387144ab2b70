"""Floor 1: the clock, ids, the two stores, the event log and the types that every other floor shares."""
