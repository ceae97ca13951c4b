"""Every comparison, in the order of the table."""

from benchmarks import append, as_of, audit, check, check_peers, disk, growth, http, rebuild, writers
from benchmarks.comparison import Comparison

# The large ledgers only grow, so who needs more events comes after who needs fewer.
COMPARISONS: tuple[Comparison, ...] = (
    *append.COMPARISONS,
    *writers.COMPARISONS,
    *rebuild.COMPARISONS,
    *as_of.COMPARISONS,
    *audit.COMPARISONS,
    *growth.COMPARISONS,
    *check.COMPARISONS,
    *check_peers.COMPARISONS,
    *http.COMPARISONS,
    *disk.COMPARISONS,
)
