"""Compare: shares of the whole."""
