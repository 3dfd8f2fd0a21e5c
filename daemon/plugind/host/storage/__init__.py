"""Storage: values by key, one SQLite file for each plugin."""
