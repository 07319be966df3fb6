"""The paper's experiments: runs as data, what trains the missing ones, tables, figures, claims."""
