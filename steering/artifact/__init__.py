"""Saved prompts: one safetensors file each."""
