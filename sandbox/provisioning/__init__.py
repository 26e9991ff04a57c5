"""What a business is set up with at its providers: subaccounts, numbers, applications, keys, mail domains."""
