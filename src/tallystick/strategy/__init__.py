"""What we know plus policy gives a decision: decision tables, grades, prices, limits and reasons."""
