"""The plain cache of keys and values: what it is, and the rules that dialects choose among."""
