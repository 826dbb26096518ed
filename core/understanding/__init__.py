"""Everything that looks into models and data: attention, digits, generated canvases, and reports on checkpoints."""
