"""Engines that train an epoch at a call."""
