"""The batch cache: what it is, and the rules that dialects choose among."""
