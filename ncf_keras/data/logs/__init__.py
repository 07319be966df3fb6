"""Raw logs of interactions as they come: text, JSON or Parquet, packed or not, in one file or in parts."""
