"""How a contestant steers: one contract, one table, one file a method."""
