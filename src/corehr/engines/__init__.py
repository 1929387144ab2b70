"""Floor 2: machinery that knows no resource: timelines, rulebooks, approvals, days."""
