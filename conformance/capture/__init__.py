"""A new dialect from what a real release answers: what it says, where that is written, which rules
of the reference follow.
"""
