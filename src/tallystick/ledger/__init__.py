"""Double entry: accounts, transfers, balances. Has never heard of credit."""
