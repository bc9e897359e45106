"""How personal data is found, what it is replaced by, and how it is named without being told."""
