"""How a ledger was in SQLite at an older version: statements that take a present one back."""

VERSION_1 = (
    "DROP INDEX events_of_lives",
    "DROP TABLE linkages",
    "ALTER TABLE credentials ADD COLUMN linkage VARCHAR",
    "ALTER TABLE credentials ADD COLUMN linked_by BLOB",
    "CREATE INDEX credentials_by_linkage ON credentials (organization_id, linkage) WHERE linkage IS NOT NULL",
    "UPDATE keyledger SET schema_version = 1",
)
