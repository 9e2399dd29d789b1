"""Triton Python-based backends, one folder per model family, on one shared package."""
