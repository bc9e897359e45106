"""What must not get in: personal data, test questions."""
