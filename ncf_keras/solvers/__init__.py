"""Weights that are solved for, not stepped to: least squares, and the rows of users with all else frozen."""
