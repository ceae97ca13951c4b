"""The OpenAPI document keeps its word: every check of schemathesis, on requests that it makes up."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import negative_data_rejection

from http_api.app import create_app
from http_api.operations import OPERATIONS
from http_api.settings import Limits, ServerSettings
from ledger.secret import holds_secret
from tests.http_api.served import Served, served
from tests.http_api.test_permissions import subject
from tests.office import Office

EXAMPLES = 12
EVERY_SCOPE = ("keys:check", "uses:append", "audit:read", "keys:manage")
# What a schema allows may still be wrong, or not be there: a name of blanks, an expiry in the past.
ALLOWED = ["2xx", "400", "401", "403", "404", "409", "413", "415", "422", "431"]
# A value that is wrong may be too long too.
REFUSED = ["400", "401", "403", "404", "405", "409", "413", "415", "422", "431"]
CONFIG = schemathesis.Config.from_dict(
    {
        "checks": {
            "positive_data_acceptance": {"expected-statuses": ALLOWED},
            "negative_data_rejection": {"expected-statuses": REFUSED},
        }
    }
)
SCHEMA = schemathesis.openapi.from_dict(create_app(ServerSettings("none")).openapi(), config=CONFIG)
DESCRIBED: dict[str, Any] = {
    found.ok().definition.raw["operationId"]: found.ok()
    for found in SCHEMA.get_all_operations()
    if isinstance(found, Ok)
}
# Of these nothing can be wrong but the key: no parameter, or only texts of any kind.
NEVER_WRONG = {"health", "readiness", "metrics", "authorize"}
# Of many uses each is judged by itself, and those that are wrong are told in the answer.
JUDGED_ONE_BY_ONE = {"appendUses"}

pytestmark = pytest.mark.sqlite_only("what is tried is what the document says, whichever database answers")


@pytest.fixture
def patient(office: Office) -> Iterator[Served]:
    """Give a server that answers very many requests of one key."""
    with served(office, ServerSettings(office.address, limits=Limits(requests_a_minute=10**9))) as api:
        yield api


def test_the_document_is_openapi_and_describes_every_operation(api: Served) -> None:
    answer = api("GET", "/openapi.json")

    document = answer.json()
    assert document["openapi"].startswith("3.1")
    assert document == SCHEMA.raw_schema
    assert set(DESCRIBED) == {each.id for each in OPERATIONS}
    assert not holds_secret(answer.text)


@pytest.mark.parametrize(
    ("operation_id", "mode"),
    [
        *(pytest.param(each.id, GenerationMode.POSITIVE, id=f"{each.id}-right") for each in OPERATIONS),
        *(
            pytest.param(each.id, GenerationMode.NEGATIVE, id=f"{each.id}-wrong")
            for each in OPERATIONS
            if each.id not in NEVER_WRONG
        ),
    ],
)
def test_no_request_gets_an_answer_that_the_document_does_not_tell_of(
    operation_id: str, mode: GenerationMode, patient: Served
) -> None:
    operation = DESCRIBED[operation_id]
    office = patient.office
    key = patient.key(*EVERY_SCOPE, name="fuzzer").secret.reveal()
    about = subject(office, office.org)
    real = {"key": about.key_id, "member": about.member_id}
    excluded: list[Any] = [negative_data_rejection] if operation_id in JUDGED_ONE_BY_ONE else []

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), is_real=st.booleans(), claims=st.booleans())
    def ask(case: schemathesis.Case[Any], is_real: bool, claims: bool) -> None:
        if mode is GenerationMode.POSITIVE:
            if is_real:
                case.path_parameters = {name: real[name] for name in case.path_parameters or {}}
            if claims and operation_id != "authorize":
                case.headers["On-Behalf-Of"] = "ada@example.com"
        case.call_and_validate(
            base_url=patient.url, headers={"Authorization": f"Bearer {key}"}, excluded_checks=excluded
        )

    ask()
