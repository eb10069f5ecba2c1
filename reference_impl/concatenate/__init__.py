"""The cache without free room; only mlx-lm has it."""
