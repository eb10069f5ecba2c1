"""The doctor: is the adapter sound? Asked before its port is judged, in the order of what to fix.

`checks` are the questions, `wire` is how they are asked, `examine` asks them and says what it saw.
"""
