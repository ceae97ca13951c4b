-- Who may do what to a ledger in PostgreSQL; postgresql.md tells more. Run it once, as a superuser, in the database
-- that is to hold the ledger; then `keyledger init` as keyledger_owner; then grants.sql.

CREATE ROLE keyledger_owner LOGIN;
CREATE ROLE keyledger_app LOGIN;
CREATE ROLE keyledger_reader LOGIN;

CREATE SCHEMA keyledger AUTHORIZATION keyledger_owner;
ALTER ROLE keyledger_owner SET search_path = keyledger;
GRANT USAGE ON SCHEMA keyledger TO keyledger_app, keyledger_reader;

-- The read side's tables are made, swapped and dropped by whoever appends; they can be rebuilt at any time. They are in
-- a schema of their own, which the owner never looks into: whoever may make a function where another one looks for
-- functions acts with that one's rights.
CREATE SCHEMA keyledger_views AUTHORIZATION keyledger_app;
ALTER ROLE keyledger_app SET search_path = keyledger_views, keyledger;
ALTER ROLE keyledger_reader SET search_path = keyledger, keyledger_views;
GRANT USAGE ON SCHEMA keyledger_views TO keyledger_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE keyledger_app IN SCHEMA keyledger_views GRANT SELECT ON TABLES TO keyledger_reader;
