"""Engines that train one epoch per call."""
