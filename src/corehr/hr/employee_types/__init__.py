"""Employee types: regular, intern, outsourced and their subtypes."""
