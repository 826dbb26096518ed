"""Models and data in, what there is to see in them out: maps of digits, attention under question, errors, measures."""
