-- What the roles of roles.sql may do to the ledger's own tables. Run it as keyledger_owner after `keyledger init`, and
-- after each `keyledger upgrade`; twice does no harm.

GRANT SELECT ON ALL TABLES IN SCHEMA keyledger TO keyledger_reader;
GRANT SELECT ON keyledger.keyledger TO keyledger_app;
GRANT SELECT, INSERT ON keyledger.events, keyledger.organizations, keyledger.linkages TO keyledger_app;
GRANT SELECT, INSERT, UPDATE ON keyledger.credentials, keyledger.tracking TO keyledger_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON keyledger.denied_uses TO keyledger_app;
