"""What a service puts inside itself to report the uses of API keys to keyledger, and to check them."""

from usage_client.client import UsageClient
from usage_client.secret import Secret
from usage_client.settings import Limits, Misconfigured
from usage_client.stats import Stats
from usage_client.use_line import RefusedUse
from usage_client.verdict import Verdict

__all__ = ["Limits", "Misconfigured", "RefusedUse", "Secret", "Stats", "UsageClient", "Verdict"]
