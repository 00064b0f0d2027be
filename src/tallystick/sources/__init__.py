"""What comes from outside: portfolio files read through a mapping, every row accounted for."""
