"""Uses by key and day, read from their table."""

from collections.abc import Mapping

from sqlalchemy import Connection, select

from projections.daily_use import DailyUse
from projections.tables import TABLES


def read_daily_use(
    connection: Connection, names: Mapping[bytes, bytes], first_day: int, last_day: int
) -> DailyUse:
    """The uses under some names, each given with the key that it means."""
    counts: dict[bytes, dict[int, int]] = {key_id: {} for key_id in names.values()}
    days = TABLES.days.c
    query = select(days.key_id, days.day, days.use_count).where(
        days.key_id.in_(names), days.day.between(first_day, last_day)
    )
    for name, day, count in connection.execute(query):
        of_key = counts[names[name]]
        of_key[day] = of_key.get(day, 0) + count
    return DailyUse(first_day, last_day, counts)
