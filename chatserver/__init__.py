"""A chat server whose answers come from its owner's documents."""

__version__ = "0.1.0"
