"""Flask: preview deployments behind API keys. Run it by `gunicorn --preload --workers 4 flask_app:app`.

The client is made once, before the workers are forked; each has threads and files of its own, in one spool.
"""

import os

from flask import Flask, request
from flask.typing import ResponseReturnValue

from usage_client import UsageClient
from usage_client.wsgi import CheckKeys

client = UsageClient(
    service="previews",
    spool=os.environ.get("PREVIEWS_SPOOL", "/var/lib/previews/keyledger"),
    when_down="accept-known",
)
app = Flask(__name__)
app.wsgi_app = CheckKeys(  # type: ignore[method-assign]
    app.wsgi_app, client, exempt=lambda environ: environ["PATH_INFO"] == "/healthz"
)


@app.get("/healthz")
def health() -> ResponseReturnValue:
    """Nothing is asked of a load balancer."""
    return "ok"


@app.get("/<preview>")
def show(preview: str) -> ResponseReturnValue:
    """Whoever gets here has a valid key, and the verdict says whose."""
    verdict = request.environ["keyledger.verdict"]
    return {"preview": preview, "organization": verdict.organization, "key": verdict.name}
