"""The read side: what is true of each key now, and what is wrong with it."""
