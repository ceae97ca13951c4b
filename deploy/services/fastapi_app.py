"""FastAPI: preview deployments behind API keys. Run it by `uvicorn fastapi_app:app`.

KEYLEDGER_SERVER and KEYLEDGER_API_KEY say where keys are checked, and with which key of your own: its scopes
need `keys:check`, and `uses:append` for what is reported after an outage.
"""

import os

from fastapi import FastAPI, Request

from usage_client import UsageClient, Verdict
from usage_client.asgi import CheckKeys

client = UsageClient(
    service="previews",
    spool=os.environ.get("PREVIEWS_SPOOL", "/var/lib/previews/keyledger"),
    when_down="accept-known",
)
app = FastAPI()
app.add_middleware(CheckKeys, client=client, exempt=lambda scope: scope["path"] == "/healthz")


@app.get("/healthz")
def health() -> str:
    """Nothing is asked of a load balancer."""
    return "ok"


@app.get("/{preview}")
def show(preview: str, request: Request) -> dict[str, str | None]:
    """Whoever gets here has a valid key, and the verdict says whose."""
    verdict: Verdict = request.scope["keyledger.verdict"]
    return {"preview": preview, "organization": verdict.organization, "key": verdict.name}
