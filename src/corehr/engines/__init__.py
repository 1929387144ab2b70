"""Floor 2: engines that are independent of resources: timelines, rulebooks, approvals, custom fields, daily jobs."""
