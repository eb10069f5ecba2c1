"""Properties: drawn sequences of operations on a backend and the reference, and laws of caches.

`author` and `arguments` draw calls, `sides` gives them to both and `agreement` compares, `search`
finds a difference and `shorten` makes it short.
"""
