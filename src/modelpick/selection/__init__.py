"""Which model, and why not the others? Pure."""
