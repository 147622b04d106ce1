"""Saved prompts: one safetensors file each. Read and written without torch."""

from steering.artifact.file import Artifact, Card, read, require_fit, write
from steering.artifact.shelf import Listed, find, free_name, listing, safe_name

__all__ = ["Artifact", "Card", "Listed", "find", "free_name", "listing", "read", "require_fit", "safe_name", "write"]
