"""The frozen language model: loading, forest packing, scoring, generation. Import from the modules; this file stays empty of torch."""
