"""People, shops and fraud rings who live, day by day, with a lender that is the real product."""
