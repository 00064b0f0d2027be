"""Money, rates and shares: the words every other package counts in. Imports nothing of ours."""
