"""What is known about a line at an instant: SQL over declared source tables, one text for every engine."""
