"""Jobs: what people work as."""
