-- Roles, grants and the policies of the system role. Run after every migration; safe to repeat.
-- market_web: row-level security holds, it owns nothing and cannot bypass it.
-- market_system: hooks, workers, relay; sees every row, may not change the journal.
DO $$
DECLARE
    role_name text;
    schema_name text;
    item record;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['market_web', 'market_system'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOBYPASSRLS', role_name);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
            END;
        END IF;
        IF NOT pg_has_role(current_user, role_name, 'MEMBER') THEN
            EXECUTE format('GRANT %I TO %I', role_name, current_user);
        END IF;
        FOREACH schema_name IN ARRAY ARRAY['payments', 'einvoice', 'catalog', 'market'] LOOP
            EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', schema_name, role_name);
            EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %I TO %I', schema_name, role_name);
            EXECUTE format('GRANT USAGE ON ALL SEQUENCES IN SCHEMA %I TO %I', schema_name, role_name);
            EXECUTE format('GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA %I TO %I', schema_name, role_name);
        END LOOP;
    END LOOP;
    -- What is append-only stays append-only: tables whose comment says so.
    FOR item IN
        SELECT c.oid::regclass AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname IN ('payments', 'einvoice', 'catalog', 'market') AND c.relkind IN ('r', 'p')
          AND obj_description(c.oid, 'pg_class') LIKE '%append-only%'
    LOOP
        EXECUTE format('REVOKE UPDATE, DELETE, TRUNCATE ON %s FROM market_web, market_system', item.name);
    END LOOP;
    -- Balances move by the ledger alone, books are made by a job.
    REVOKE UPDATE, DELETE, TRUNCATE ON payments.account FROM market_web;
    REVOKE INSERT, UPDATE, DELETE, TRUNCATE
        ON payments.account_day, payments.record_day, payments.watermark FROM market_web;
    -- A partition is reached through its table alone.
    FOR item IN
        SELECT c.oid::regclass AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname IN ('payments', 'einvoice', 'catalog', 'market') AND c.relispartition
          AND c.relkind = 'r'
    LOOP
        EXECUTE format('REVOKE ALL ON %s FROM market_web, market_system', item.name);
    END LOOP;
    FOR item IN
        SELECT c.oid::regclass AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname IN ('payments', 'einvoice', 'catalog', 'market') AND c.relrowsecurity
          AND NOT c.relispartition
    LOOP
        EXECUTE format('DROP POLICY IF EXISTS system ON %s', item.name);
        EXECUTE format('CREATE POLICY system ON %s TO market_system USING (true) WITH CHECK (true)', item.name);
    END LOOP;
END $$;
