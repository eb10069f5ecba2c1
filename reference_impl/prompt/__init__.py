"""Functions over the caches of all layers of a model."""
