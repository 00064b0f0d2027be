"""Use cases: one function loads, decides and records. Files in and out, progress."""
