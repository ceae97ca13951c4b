"""The search for secrets where they should not be: in files, in folders, in the history of repositories."""
