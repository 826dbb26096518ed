"""The screens of the app, one folder for each section of the navigation."""
