"""Audit reports as text, one module per format; each derives from the same report and queries nothing."""
