"""row-level security of places, people, onboarding and sales; what never changes; sign-in codes"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Who looks: settings of the transaction (market.db). Unset, as for the table owner, they are NULL.
FUNCTIONS = """
CREATE FUNCTION market.viewer_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT NULLIF(current_setting('app.person_id', true), '')::uuid $$;
CREATE FUNCTION market.viewer_owners() RETURNS uuid[] LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT NULLIF(current_setting('app.owner_ids', true), '')::uuid[] $$;
CREATE FUNCTION market.viewer_units() RETURNS uuid[] LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT NULLIF(current_setting('app.unit_ids', true), '')::uuid[] $$;
CREATE FUNCTION market.viewer_is(role text) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT coalesce(role = ANY (NULLIF(current_setting('app.roles', true), '')::text[]), false) $$;
-- Where the viewer has this very role: the settings say which places, membership says as what.
CREATE FUNCTION market.viewer_scopes_as(wanted text) RETURNS uuid[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS
$$ SELECT coalesce(array_agg(m.scope_id), '{}') FROM market.membership m
   WHERE m.person_id = market.viewer_id() AND m.role = wanted AND market.viewer_is(wanted)
     AND m.scope_id = ANY (
         coalesce(NULLIF(current_setting('app.owner_ids', true), '')::uuid[], '{}')
         || coalesce(NULLIF(current_setting('app.hall_ids', true), '')::uuid[], '{}')) $$;
-- Who has this number: the one question the community team may ask about people it has not met.
CREATE FUNCTION market.person_with_phone(wanted text) RETURNS TABLE (id uuid, name text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS
$$ SELECT p.id, p.name FROM market.person p WHERE p.phone = wanted
   AND (current_setting('role') <> 'market_web' OR market.viewer_is('team') OR market.viewer_is('admin')) $$;
-- Whether somebody chose a PIN; the hash itself is nobody's business.
CREATE FUNCTION market.has_pin(wanted uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS
$$ SELECT EXISTS (SELECT FROM market.person p WHERE p.id = wanted AND p.pin_hash <> '') $$;
-- The display name of a vendor hangs over the stall; the rest of the row does not.
CREATE VIEW market.vendor_name AS SELECT id, name FROM market.vendor;
-- Since when and until when a stall had a code whose account passed the test payment: dates alone,
-- so that coverage can be counted by those who may not see accounts.
CREATE VIEW market.verified_code AS
SELECT c.stall_id, greatest(c.issued_at, a.verified_at) AS since, least(c.retired_at, a.retired_at) AS until
FROM market.stand c JOIN market.payee_account a ON a.id = c.payee_account_id
WHERE a.verified_at IS NOT NULL;
"""

OWN_HALL = "hall_id = ANY ((SELECT market.viewer_scopes_as('{role}'))::uuid[])"
STALLS_OF_OWNER = "SELECT s.id FROM market.stall s WHERE s.vendor_id = ANY (market.viewer_owners())"
STALLS_OF_ROLE = (
    "SELECT s.id FROM market.stall s"
    " WHERE s.hall_id = ANY ((SELECT market.viewer_scopes_as('{role}'))::uuid[])"
)
STALLS_OF_OFFICIAL = (
    "SELECT s.id FROM market.stall s JOIN market.hall h ON h.id = s.hall_id"
    " WHERE h.unit_id = ANY (market.viewer_units()) OR h.area_id = ANY (market.viewer_units())"
)
MY_ONBOARDINGS = "SELECT o.{column} FROM market.onboarding o WHERE o.stall_id IN (" + STALLS_OF_ROLE.format(role="team") + ")"
VENDORS_OF_TEAM = (
    "SELECT s.vendor_id FROM market.stall s"
    " WHERE s.hall_id = ANY ((SELECT market.viewer_scopes_as('team'))::uuid[])"
)
ADMIN = "market.viewer_is('admin')"

# table → (policy, command, USING, WITH CHECK)
POLICIES: dict[str, list[tuple[str, str, str | None, str | None]]] = {
    "unit": [("public", "SELECT", "true", None)],
    "unit_successor": [("public", "SELECT", "true", None)],
    "operator": [("public", "SELECT", "true", None), ("admin", "ALL", ADMIN, ADMIN)],
    "hall": [("public", "SELECT", "true", None), ("admin", "ALL", ADMIN, ADMIN)],
    "zone": [
        ("public", "SELECT", "true", None),
        ("operator", "ALL", OWN_HALL.format(role="operator"), OWN_HALL.format(role="operator")),
    ],
    "stall": [
        ("public", "SELECT", "true", None),
        ("owner", "UPDATE", "vendor_id = ANY (market.viewer_owners())", "vendor_id = ANY (market.viewer_owners())"),
        ("operator", "ALL", OWN_HALL.format(role="operator"), OWN_HALL.format(role="operator")),
        ("team", "ALL", OWN_HALL.format(role="team"), OWN_HALL.format(role="team")),
    ],
    "person": [
        ("self", "ALL", "id = market.viewer_id()", "id = market.viewer_id()"),
        ("admin", "ALL", ADMIN, ADMIN),
        ("team_reads", "SELECT", f"id IN ({MY_ONBOARDINGS.format(column='person_id')})"
         f" OR id IN (SELECT v.person_id FROM market.vendor v WHERE v.id IN ({VENDORS_OF_TEAM}))", None),
        ("team_adds", "INSERT", None, "market.viewer_is('team') AND pin_hash = ''"),
        ("helpers", "SELECT", "id IN (SELECT m.person_id FROM market.membership m"
         " WHERE m.role = 'helper' AND m.scope_id = ANY (market.viewer_owners()))", None),
    ],
    "vendor": [
        ("owner", "SELECT", "id = ANY (market.viewer_owners())", None),
        ("owner_changes", "UPDATE", "person_id = market.viewer_id()", "person_id = market.viewer_id()"),
        ("admin", "ALL", ADMIN, ADMIN),
        ("team_reads", "SELECT", f"id IN ({VENDORS_OF_TEAM}) OR id IN ({MY_ONBOARDINGS.format(column='vendor_id')})"
         f" OR person_id IN ({MY_ONBOARDINGS.format(column='person_id')})", None),
        ("team_adds", "INSERT", None, "market.viewer_is('team')"),
    ],
    "membership": [
        ("self", "SELECT", "person_id = market.viewer_id()", None),
        ("admin", "ALL", ADMIN, ADMIN),
        ("vendor_helpers", "ALL",
         "role = 'helper' AND scope_id = ANY ((SELECT market.viewer_scopes_as('vendor'))::uuid[])",
         "role = 'helper' AND scope_id = ANY ((SELECT market.viewer_scopes_as('vendor'))::uuid[])"),
        ("team_adds", "INSERT", None,
         "market.viewer_is('team') AND role = 'vendor' AND (scope_id, person_id) IN"
         f" (SELECT o.vendor_id, o.person_id FROM market.onboarding o WHERE o.stall_id IN ({STALLS_OF_ROLE.format(role='team')}))"),
        ("team_reads", "SELECT",
         f"market.viewer_is('team') AND role = 'vendor' AND scope_id IN ({MY_ONBOARDINGS.format(column='vendor_id')})", None),
    ],
    "session": [],
    "attempt": [],
    "sign_in_code": [
        ("team_adds", "INSERT", None,
         "market.viewer_is('team') AND issued_by = market.viewer_id() AND NOT market.has_pin(person_id)"
         f" AND person_id IN ({MY_ONBOARDINGS.format(column='person_id')})"),
        ("team_renews", "UPDATE",
         f"market.viewer_is('team') AND person_id IN ({MY_ONBOARDINGS.format(column='person_id')})",
         "issued_by = market.viewer_id() AND NOT market.has_pin(person_id)"),
        ("team_reads", "SELECT",
         f"market.viewer_is('team') AND person_id IN ({MY_ONBOARDINGS.format(column='person_id')})", None),
    ],
    "consent": [
        ("self", "ALL", "person_id = market.viewer_id()", "person_id = market.viewer_id()"),
        ("assisted", "SELECT", "assisted_by = market.viewer_id()", None),
        ("team_reads", "SELECT", f"person_id IN ({MY_ONBOARDINGS.format(column='person_id')})", None),
        ("team_adds", "INSERT", None,
         f"assisted_by = market.viewer_id() AND person_id IN ({MY_ONBOARDINGS.format(column='person_id')})"),
    ],
    "read_log": [
        ("writes", "INSERT", None, "person_id = market.viewer_id()"),
        # Everyone may see who read about them.
        ("about_me", "SELECT", "subject_id = market.viewer_id() OR subject_id = ANY (market.viewer_owners())", None),
    ],
    "payee_account": [
        ("owner", "SELECT", "vendor_id = ANY (market.viewer_owners())", None),
        ("vendor", "ALL", "vendor_id = ANY ((SELECT market.viewer_scopes_as('vendor'))::uuid[])",
         "vendor_id = ANY ((SELECT market.viewer_scopes_as('vendor'))::uuid[])"),
        ("team", "ALL", f"vendor_id IN ({MY_ONBOARDINGS.format(column='vendor_id')})",
         f"vendor_id IN ({MY_ONBOARDINGS.format(column='vendor_id')})"),
    ],
    "stand": [
        ("owner", "SELECT", f"stall_id IN ({STALLS_OF_OWNER})", None),
        ("operator", "SELECT", f"stall_id IN ({STALLS_OF_ROLE.format(role='operator')})", None),
        ("official", "SELECT", f"stall_id IN ({STALLS_OF_OFFICIAL})", None),
        ("team", "ALL", f"stall_id IN ({STALLS_OF_ROLE.format(role='team')})",
         f"stall_id IN ({STALLS_OF_ROLE.format(role='team')})"),
    ],
    "stand_check": [
        ("reads", "SELECT", "EXISTS (SELECT FROM market.stand t WHERE t.id = stand_id)", None),
        ("writes", "INSERT", None,
         "checked_by = market.viewer_id() AND EXISTS (SELECT FROM market.stand t WHERE t.id = stand_id)"),
    ],
    "onboarding": [
        ("team", "ALL", f"stall_id IN ({STALLS_OF_ROLE.format(role='team')})",
         f"stall_id IN ({STALLS_OF_ROLE.format(role='team')})"),
        ("self", "SELECT", "person_id = market.viewer_id()", None),
    ],
    "sale": [
        ("owner", "ALL", "vendor_id = ANY (market.viewer_owners())", "vendor_id = ANY (market.viewer_owners())"),
        ("clerk", "SELECT", "market.viewer_is('clerk')", None),
    ],
    "sale_line": [
        ("sale", "ALL", "EXISTS (SELECT FROM market.sale s WHERE s.id = sale_id)",
         "EXISTS (SELECT FROM market.sale s WHERE s.id = sale_id AND s.vendor_id = ANY (market.viewer_owners()))"),
    ],
    "takings_hour": [
        ("owner", "ALL", f"stall_id IN ({STALLS_OF_OWNER})", f"stall_id IN ({STALLS_OF_OWNER})"),
        ("operator", "SELECT", f"stall_id IN ({STALLS_OF_ROLE.format(role='operator')})", None),
        ("official", "SELECT", f"stall_id IN ({STALLS_OF_OFFICIAL})", None),
    ],
}

TRIGGERS = """
CREATE FUNCTION market.refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '% cannot be changed here', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON market.read_log
    FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON market.stand_check
    FOR EACH STATEMENT EXECUTE FUNCTION market.refuse_change();
-- The view reads past row-level security, so nothing may be written through it.
CREATE TRIGGER read_only INSTEAD OF INSERT OR UPDATE OR DELETE ON market.vendor_name
    FOR EACH ROW EXECUTE FUNCTION market.refuse_change();

-- A consent is withdrawn once; its words and its time stay.
CREATE FUNCTION market.consent_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.withdrawn_at IS NOT NULL
       OR (to_jsonb(NEW) - 'withdrawn_at') <> (to_jsonb(OLD) - 'withdrawn_at') THEN
        RAISE EXCEPTION 'a consent is only ever withdrawn' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER stays BEFORE UPDATE OR DELETE ON market.consent
    FOR EACH ROW EXECUTE FUNCTION market.consent_stays();

-- Whose sale it is, where and for how much never changes once it is written.
CREATE FUNCTION market.sale_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.stall_id, NEW.vendor_id, NEW.amount_vnd, NEW.sold_at)
       IS DISTINCT FROM (OLD.id, OLD.stall_id, OLD.vendor_id, OLD.amount_vnd, OLD.sold_at) THEN
        RAISE EXCEPTION 'stall, vendor, amount and time of a sale stay' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER stays BEFORE UPDATE ON market.sale FOR EACH ROW EXECUTE FUNCTION market.sale_stays();

-- A printed code stays what it was when it was printed; it is only ever retired.
CREATE FUNCTION market.stand_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR (to_jsonb(NEW) - 'retired_at') <> (to_jsonb(OLD) - 'retired_at') THEN
        RAISE EXCEPTION 'a stand is only ever retired' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER stays BEFORE UPDATE OR DELETE ON market.stand
    FOR EACH ROW EXECUTE FUNCTION market.stand_stays();
"""


def upgrade() -> None:
    op.drop_constraint("ck_unit_kind", "unit", schema="market")
    op.create_check_constraint(
        op.f("ck_unit_kind"), "unit",
        "kind IN ('province', 'city', 'huyen', 'phuong', 'xa', 'thi_tran')", schema="market",
    )
    op.create_table(
        "sign_in_code",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("code_hash", sa.Text(), nullable=False),
        sa.Column("issued_by", sa.Uuid(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["issued_by"], ["market.person.id"], name=op.f("fk_sign_in_code_issued_by")),
        sa.ForeignKeyConstraint(["person_id"], ["market.person.id"], name=op.f("fk_sign_in_code_person_id")),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_sign_in_code")),
        schema="market",
    )
    op.execute(FUNCTIONS)
    for table, policies in POLICIES.items():
        op.execute(f"ALTER TABLE market.{table} ENABLE ROW LEVEL SECURITY")
        for name, command, using, check in policies:
            parts = [f"CREATE POLICY {name} ON market.{table} FOR {command}"]
            if using is not None:
                parts.append(f"USING ({using})")
            if check is not None:
                parts.append(f"WITH CHECK ({check})")
            op.execute(" ".join(parts))
    op.execute(TRIGGERS)


def downgrade() -> None:
    raise NotImplementedError("people's data does not go back to unguarded tables")
