"""Parts that two or more sections use: router, layout, drawing pad, models, charts."""
