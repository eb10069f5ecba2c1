"""How real implementations stand: runs of the suite on them, kept small in `results/`."""
