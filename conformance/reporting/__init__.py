"""What a run, a case and a dialect look like to a reader."""
