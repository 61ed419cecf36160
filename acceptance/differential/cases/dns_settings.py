"""DNS with each of its settings."""
