"""What every room may use: errors in a sentence, checks, files that appear whole, locks, text tables."""
