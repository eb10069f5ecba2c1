"""The site of the results: pages made from `results/` and the fixtures, in the frame of MkDocs."""
