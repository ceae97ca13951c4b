import pytest

from projections.audit.remedy import Action, aws_remedy_template, remedy, remedy_template
from projections.key_record import KeyRecord
from tests.projections.audit.records import aws, minted

KEY = minted(id=bytes.fromhex("00112233445566778899aabbccddeeff"))
ID = "00112233-4455-6677-8899-aabbccddeeff"
SLOT = aws(external_id="arn:aws:iam::619193117841:user/ops/kaleb/1", owner=None)
ROOT = aws(external_id="arn:aws:iam::619193117841:root/1", owner="root")


@pytest.mark.parametrize(
    ("action", "command"),
    [
        (Action.DISABLE, f"keyledger key disable {ID}"),
        (Action.REVOKE, f"keyledger key revoke {ID}"),
        (Action.ROTATE, f"keyledger key rotate {ID}"),
        (Action.RENAME, f"keyledger key set {ID} --name NEW-NAME"),
        (Action.SPLIT, "keyledger key create CALLER-NAME"),
        (Action.REPORT_USE, "keyledger use append FILE"),
        (Action.INVESTIGATE, f"keyledger key history {ID}"),
        (Action.CONFIRM, f"keyledger key confirm {ID}"),
    ],
)
def test_a_minted_key_is_remedied_by_keyledger_and_named_by_its_id(action: Action, command: str) -> None:
    assert remedy(action, KEY) == command


def test_what_remains_of_a_rotation_is_to_revoke_the_old_key() -> None:
    record = minted(id=KEY.id, successor_id=bytes(16))
    assert remedy(Action.ROTATE, record) == f"keyledger key revoke {ID}"


@pytest.mark.parametrize(
    ("action", "record", "command"),
    [
        (
            Action.REVOKE,
            aws(),
            (
                "aws iam update-access-key --user-name kaleb --access-key-id AKIAIOSFODNN7EXAMPLE"
                " --status Inactive"
            ),
        ),
        (
            Action.DISABLE,
            aws(owner="arn:aws:iam::619193117841:user/ops/kaleb"),
            (
                "aws iam update-access-key --user-name kaleb --access-key-id AKIAIOSFODNN7EXAMPLE"
                " --status Inactive"
            ),
        ),
        (
            Action.REVOKE,
            aws(owner=None),
            (
                "aws iam update-access-key --user-name USER_NAME --access-key-id AKIAIOSFODNN7EXAMPLE"
                " --status Inactive"
            ),
        ),
        (
            Action.REVOKE,
            SLOT,
            (
                "aws iam update-access-key --user-name kaleb --access-key-id ACCESS_KEY_ID --status Inactive"
                "  # its id: aws iam list-access-keys --user-name kaleb"
            ),
        ),
        (
            Action.REVOKE,
            ROOT,
            (
                "aws iam update-access-key --access-key-id ACCESS_KEY_ID --status Inactive"
                "  # its id: aws iam list-access-keys"
            ),
        ),
        (Action.ROTATE, aws(), "aws iam create-access-key --user-name kaleb"),
        (Action.ROTATE, aws(owner=None), "aws iam create-access-key --user-name USER_NAME"),
        (Action.ROTATE, aws(owner="<root_account>"), "aws iam create-access-key"),
        (Action.SPLIT, aws(), "aws iam create-user --user-name CALLER-NAME"),
        (Action.REPORT_USE, aws(), "keyledger import iam-credential-report FILE"),
        (Action.RENAME, aws(), "rename AKIAIOSFODNN7EXAMPLE at its source (aws)"),
        (Action.INVESTIGATE, aws(id=KEY.id), f"keyledger key history {ID}"),
        (Action.REVOKE, aws(source="gcp", external_id="keys/1"), "revoke keys/1 at its source (gcp)"),
        (
            Action.REPORT_USE,
            aws(source="gcp", external_id="keys/1"),
            "import the uses of keys/1 at its source (gcp)",
        ),
    ],
)
def test_a_key_of_elsewhere_is_remedied_at_its_source(
    action: Action, record: KeyRecord, command: str
) -> None:
    assert remedy(action, record) == command


@pytest.mark.parametrize("owner", ["kaleb; rm -rf /", "$(id)", "--status Active", "<root account>"])
def test_no_owner_can_smuggle_words_into_a_command(owner: str) -> None:
    command = remedy(Action.ROTATE, aws(owner=owner))
    assert command == "aws iam create-access-key --user-name USER_NAME"


def test_no_external_id_can_smuggle_words_into_a_command() -> None:
    assert "--access-key-id 'AKIA; id'" in remedy(Action.REVOKE, aws(external_id="AKIA; id"))
    elsewhere = aws(source="x; id #", external_id="keys/1; id #")
    assert remedy(Action.REVOKE, elsewhere) == "revoke 'keys/1; id #' at its source ('x; id #')"


@pytest.mark.parametrize("action", Action)
def test_every_action_has_a_command_for_some_key(action: Action) -> None:
    assert remedy_template(action).startswith("keyledger ")
    assert aws_remedy_template(action)
