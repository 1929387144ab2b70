"""Floor 1: the clock, ids, the two stores, the event log and the words every other floor shares."""
