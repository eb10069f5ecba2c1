"""Have the real writers write the golden prompt-cache files again."""
