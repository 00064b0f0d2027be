"""A simulated economy with known truth; for now, the portfolio that the demonstration reviews."""
