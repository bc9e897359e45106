"""Compare: rows that say the same as others leave."""
