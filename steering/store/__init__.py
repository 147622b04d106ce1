"""What outlives a request: SQLite for runs, events, datasets and jobs; files for tensors. No torch."""
