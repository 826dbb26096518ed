"""The screens of the app, a folder for each section of the navigation, and a file for each address."""
