"""The web page: a pure function of the store."""
