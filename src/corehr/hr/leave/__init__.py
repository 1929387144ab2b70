"""The chapter on leave, of which only the work calendars are here."""
