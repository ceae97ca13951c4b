"""What happened: domain events, the decisions that make them, and the store that keeps them."""
