"""Build the other half of an image dataset: its negatives, and splits that tell the truth."""

__version__ = "0.1.0"
