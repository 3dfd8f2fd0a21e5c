"""What plugins may do and use: pure decisions, no I/O."""
