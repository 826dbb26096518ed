"""The pages on which models are trained, compared and tuned, and their parts."""
