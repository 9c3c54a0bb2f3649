"""mutation: how many small changes of the code do its tests notice? `make mutation`."""
