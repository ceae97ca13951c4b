-- Run by the image of PostgreSQL after roles.sql, once, while its volume is empty. The secrets are files, so that they
-- stand neither in a command line nor in an environment.
\set owner `cat /run/secrets/owner-password`
\set app `cat /run/secrets/app-password`
ALTER ROLE keyledger_owner PASSWORD :'owner';
ALTER ROLE keyledger_app PASSWORD :'app';
