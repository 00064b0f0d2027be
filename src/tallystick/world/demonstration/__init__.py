"""The demonstration: a young lender's year, what it learns, and half a year of two highest limits side by side."""
