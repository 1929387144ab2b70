"""Job data: where and as what a person works, by the day."""
