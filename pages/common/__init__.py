"""What the pages share: the plan of the app, its looks and the drawing pad."""
