"""The decisions that dialects take differently: one module per decision, one function per rule."""
