"""A simulated economy with known truth: a portfolio, people who live with the product, and the demonstration."""
