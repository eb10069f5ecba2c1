"""The cache of chunks: what it is, and the rules that dialects choose among."""
