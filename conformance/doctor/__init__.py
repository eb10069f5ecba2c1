"""The doctor: is the adapter sound? Asked before its port is judged, in the order of what to fix.

`checks` are the questions, a `probe` is how they are asked, `examine` asks them all;
`fixes` has what to change, and `report` says it.
"""
