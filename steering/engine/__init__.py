"""The cooperative worker that owns one frozen model, and its transports: in-process (worker.py), child process (child.py)."""
