"""Custom fields: fields that a company adds to the forms of its employees."""
