"""Prompt Steering Studio: train soft prompts and prefixes against a frozen language model, judge them honestly, read what they learned."""
