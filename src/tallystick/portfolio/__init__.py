"""The whole book, aggregated: expected loss, provisions and stress, per grade and side by side."""
