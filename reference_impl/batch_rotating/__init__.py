"""The batch cache with a window: what it is, and the rules that dialects choose among."""
