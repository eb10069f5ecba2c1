"""Prompt-cache files: their content, golden files, and what readers make of them."""
