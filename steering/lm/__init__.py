"""The frozen language model: loading, forest packing, scoring, generation."""
