"""What was agreed and what the law allows: for now, the dated legal caps on the price of credit."""
