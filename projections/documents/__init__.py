"""What the doors print for machines: one module per schema, each versioned and stable."""
