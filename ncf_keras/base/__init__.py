"""What all other packages may import: errors, checks, files that appear whole, locks, signals, text tables."""
