"""What two or more sections use: layout, drawing pad, models, charts."""
