"""The pages that explain the model step by step, and their parts."""
