"""Custom fields: what a company adds to the forms of its people."""
