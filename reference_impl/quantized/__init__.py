"""The quantized cache: what it is, and the rules that dialects choose among."""
