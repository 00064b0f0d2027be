"""The HTTP API: translate in, call one operation, translate out. Nothing is decided here."""
