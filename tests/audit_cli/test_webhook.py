"""Posts to a real server: signed, tried again where that may help, and never sent elsewhere."""

import base64
import socket
import ssl
import threading
import time
from pathlib import Path

import msgspec
import pytest
import trustme
from standardwebhooks.webhooks import Webhook as Receiver
from standardwebhooks.webhooks import WebhookVerificationError

from audit_cli import webhook as webhook_module
from audit_cli.webhook import Clock, NotDelivered, Webhook, post, webhook
from ledger.errors import InvalidInput
from tests.audit_cli.hook import Hook, serving

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
BODY = b'{"text": "hello"}'


class Watch:
    """A clock that is ahead by what was waited for."""

    def __init__(self) -> None:
        self.waited: list[float] = []

    @property
    def clock(self) -> Clock:
        return Clock(lambda: time.time() + sum(self.waited), self.waited.append)


def posted(hook: Hook, secret: str | None = SECRET) -> list[float]:
    """Post, and return the pauses that were made."""
    watch = Watch()
    post(webhook(hook.url, secret), "msg_1", BODY, "keyledger/1", watch.clock)
    return watch.waited


def test_what_arrives_is_verified_by_a_receiver_of_standard_webhooks() -> None:
    with serving(Hook()) as hook:
        assert posted(hook) == []

    (delivery,) = hook.deliveries
    assert Receiver(SECRET).verify(delivery.body, delivery.headers) == {"text": "hello"}
    with pytest.raises(WebhookVerificationError):
        Receiver(SECRET).verify(delivery.body + b" ", delivery.headers)
    assert delivery.headers["content-type"] == "application/json"


def test_without_a_secret_nothing_is_signed() -> None:
    with serving(Hook()) as hook:
        posted(hook, None)

    assert "webhook-signature" not in hook.deliveries[0].headers


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_what_may_pass_is_tried_again_with_the_same_id(status: int) -> None:
    with serving(Hook(status, status, 200)) as hook:
        assert posted(hook) == [0.5, 2.0]

    assert {each.headers["webhook-id"] for each in hook.deliveries} == {"msg_1"}
    assert len(hook.deliveries) == 3


def test_tries_have_an_end() -> None:
    with serving(Hook(500)) as hook, pytest.raises(NotDelivered, match="localhost answered with 500"):
        posted(hook)

    assert len(hook.deliveries) == 4


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_a_refusal_is_taken_for_one(status: int) -> None:
    with serving(Hook(status)) as hook, pytest.raises(NotDelivered, match=f"answered with {status}"):
        posted(hook)

    assert len(hook.deliveries) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_message_is_not_sent_elsewhere(status: int) -> None:
    with serving(Hook()) as other, serving(Hook(status, headers={"Location": other.url})) as hook:
        with pytest.raises(NotDelivered, match="sends elsewhere"):
            posted(hook)

        assert (len(hook.deliveries), len(other.deliveries)) == (1, 0)


def test_a_server_that_asks_for_time_is_given_it_within_the_bound() -> None:
    with serving(Hook(429, 200, headers={"Retry-After": "7"})) as hook:
        assert posted(hook) == [7.0]
    with serving(Hook(429, headers={"Retry-After": "3600"})) as hook, pytest.raises(NotDelivered):
        posted(hook)

    assert len(hook.deliveries) == 1


def test_a_server_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_module, "TRY_TIMEOUT_S", 0.2)

    began = time.monotonic()
    with serving(Hook(delay_s=30.0)) as hook, pytest.raises(NotDelivered, match="did not answer within"):
        posted(hook)

    assert time.monotonic() - began < 5


def test_a_server_that_is_not_there_is_told_in_the_systems_words() -> None:
    with serving(Hook()) as hook:
        pass

    with pytest.raises(NotDelivered, match="localhost cannot be reached: Connection refused"):
        posted(hook)


def test_a_server_that_hangs_up_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            for _ in range(4):
                listener.accept()[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        hook = Hook()
        hook.url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        with pytest.raises(NotDelivered, match=r"127\.0\.0\.1 (broke off|cannot be reached): "):
            posted(hook)
        thread.join()


def test_a_certificate_of_nobody_known_is_refused_and_a_known_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with serving(Hook(), context) as hook:
        with pytest.raises(NotDelivered, match="unable to get local issuer certificate"):
            posted(hook)
        assert hook.deliveries == []
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        posted(hook)

    assert len(hook.deliveries) == 1


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("http://example.com/hook", "example.com is not https"),
        ("http://10.0.0.1/hook", "10.0.0.1 is not https"),
        ("ftp://localhost/hook", "localhost is not https"),
        ("https:///hook", "no URL"),
        ("hook", "no URL"),
        ("https://host:port/", "no URL"),
        ("https://host/a b", "no URL"),
        ("https://user:pass@host/", "user name"),
    ],
)
def test_an_address_that_cannot_be_is_refused(url: str, complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        webhook(url, None)


@pytest.mark.parametrize(
    "url", ["http://localhost/x", "http://127.8.8.8/x", "http://[::1]:8/x", "https://h/x"]
)
def test_an_address_of_this_machine_or_under_tls_is_taken(url: str) -> None:
    assert webhook(f"{url}\n", None).url == url


@pytest.mark.parametrize("secret", ["", "hunter2", "whsec_", "whsec_!!!!", "whsec_" + "A" * 20, "whsec_QUJD"])
def test_a_secret_that_cannot_be_is_refused_and_not_repeated(secret: str) -> None:
    with pytest.raises(InvalidInput, match=r"24 to 64 bytes") as refused:
        webhook("https://host/x", secret)
    assert "hunter2" not in str(refused.value)


def test_neither_address_nor_key_is_in_what_a_webhook_shows_of_itself() -> None:
    shown = repr(webhook("https://hooks.slack.com/services/T0/B0/very-secret-part", SECRET))

    assert shown == "Webhook('hooks.slack.com')"
    assert msgspec.structs.fields(Webhook)
