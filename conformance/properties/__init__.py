"""Properties: drawn sequences of operations on a backend and the reference, and laws of caches.

A kind says how its operations are `drawing`, and which laws hold. `sequences` writes calls,
`comparison` gives them to both, `driver` has Hypothesis look for a disagreement, `shorten` makes it
short, and `finding` makes a case of it.
"""
