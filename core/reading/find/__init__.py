"""Finds the numbers in a picture, and cuts each out as a strip."""
