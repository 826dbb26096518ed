"""Opens pictures and documents of every kind as plain arrays."""
