"""The pages that examine data, attention and mistakes, and their parts."""
