"""The version of the package, in a file that importing does not cost anything."""

__version__ = "0.1.0"
