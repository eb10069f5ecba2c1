"""The slot cache: state, and the rules that dialects choose among."""
