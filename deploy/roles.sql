-- Who may do what to a ledger in PostgreSQL; postgresql.md tells more. Run it once, as a superuser, in the database
-- that is to hold the ledger; then `keyledger init` as keyledger_owner; then grants.sql.

CREATE ROLE keyledger_owner LOGIN;
CREATE ROLE keyledger_app LOGIN;
CREATE ROLE keyledger_reader LOGIN;

CREATE SCHEMA keyledger AUTHORIZATION keyledger_owner;
ALTER ROLE keyledger_owner SET search_path = keyledger;
ALTER ROLE keyledger_app SET search_path = keyledger;
ALTER ROLE keyledger_reader SET search_path = keyledger;

-- The read side's tables are made, swapped and dropped by whoever appends; they can be rebuilt at any time.
GRANT USAGE, CREATE ON SCHEMA keyledger TO keyledger_app;
GRANT USAGE ON SCHEMA keyledger TO keyledger_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE keyledger_app IN SCHEMA keyledger GRANT SELECT ON TABLES TO keyledger_reader;
