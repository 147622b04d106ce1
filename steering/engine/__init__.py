"""The cooperative worker that owns one frozen model, and its transports."""
