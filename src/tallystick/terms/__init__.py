"""What was agreed and what the law allows: products, plans, annual rates, legal limits, disclosures."""
