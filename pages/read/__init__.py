"""The pages that read pictures, and their parts."""
