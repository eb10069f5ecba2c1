"""A list of caches: what it is, and the rules that dialects choose among."""
