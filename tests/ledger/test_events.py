import msgspec
import msgspec.inspect as shape
import pytest

from ledger.event_types import EVENT_TYPES
from ledger.events import Event, KeyUsed

PLAIN = (shape.BoolType, shape.IntType, shape.StrType, shape.BytesType, shape.NoneType, shape.EnumType)


def assert_closed(name: str, kind: shape.Type) -> None:
    """Integers, texts, ids and structs of them: nothing that can hold whatever somebody puts there."""
    match kind:
        case shape.UnionType(types=types):
            for member in types:
                assert_closed(name, member)
        case shape.VarTupleType(item_type=item):
            assert_closed(name, item)
        case shape.StructType(fields=fields):
            for field in fields:
                assert_closed(f"{name}.{field.name}", field.type)
        case _:
            assert isinstance(kind, PLAIN), name


@pytest.mark.parametrize("kind", EVENT_TYPES, ids=lambda kind: kind.topic)
def test_an_event_has_no_free_form_field_and_none_for_a_secret(kind: type[Event]) -> None:
    described = shape.type_info(kind)
    assert isinstance(described, shape.StructType)

    for field in described.fields:
        assert_closed(field.name, field.type)
        # `secret_prefix` is the `kl` that every secret of an organization begins with.
        assert field.name == "secret_prefix" or not {"secret", "token", "password"} & set(
            field.name.split("_")
        )


@pytest.mark.parametrize("kind", EVENT_TYPES, ids=lambda kind: kind.topic)
def test_an_event_is_frozen_and_begins_with_who_and_when(kind: type[Event]) -> None:
    names = kind.__struct_fields__

    assert names[:5] == ("occurred_at", "recorded_at", "organization_id", "actor_id", "authentication")
    assert kind.__struct_config__.frozen
    assert kind.__struct_config__.array_like


@pytest.mark.parametrize("kind", EVENT_TYPES, ids=lambda kind: kind.topic)
def test_personal_data_sits_in_one_field_alone(kind: type[Event]) -> None:
    people = {"email", "login", "owner", "created_by", "source_ip", "user_agent"}

    assert not people & set(kind.__struct_fields__)


def test_a_use_takes_no_more_room_than_was_measured() -> None:
    details = KeyUsed.__struct_fields__.index("personal")

    full = [0] * len(KeyUsed.__struct_fields__)

    assert details == 9
    assert len(msgspec.msgpack.encode(full)) == 1 + len(full)
