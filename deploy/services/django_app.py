"""Django: a service that knows its keys itself, and reports their uses.

Run it by `gunicorn --preload --workers 4 django_app:application`. Where keyledger is to check the keys, wrap
the application in `usage_client.wsgi.CheckKeys` as in flask_app.py.
"""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

from usage_client import UsageClient
from usage_client.wsgi import ReportUses

settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY=os.urandom(32).hex())

# What a real service has in its database: who a client is, and the id of its key in keyledger.
KEYS = {"client-of-acme": "78bb390c-466c-408c-8de4-cf26b5ba5ae6"}


def show(request: HttpRequest, preview: str) -> HttpResponse:
    """Tell the middleware the id of the key; that of a request that is refused too, if it is known."""
    request.META["previews.key"] = KEYS.get(request.headers.get("x-client", ""))
    if request.META["previews.key"] is None:
        return JsonResponse({"preview": None}, status=401)
    return JsonResponse({"preview": preview}, status=404 if preview == "missing" else 200)


urlpatterns = [path("<str:preview>", show)]

application = ReportUses(
    get_wsgi_application(),
    UsageClient(
        service="previews",
        spool=os.environ.get("PREVIEWS_SPOOL", "/var/lib/previews/keyledger"),
    ),
    key_of=lambda environ: environ.get("previews.key"),
    caller_of=lambda environ: environ.get("HTTP_X_CLIENT"),
)
