"""What is wrong with it: audit rules, policy and findings over the projected keys."""
