"""goods and channels"""

import sqlalchemy as sa
import sqlmodel
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


# Both extensions are trusted: the owner of the database may create them.
# unaccent is only STABLE because its dictionary could be changed; we never change it, and the
# dictionary is named, so the index may trust the function.
SEARCH = """
CREATE EXTENSION IF NOT EXISTS unaccent SCHEMA public;
CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public;
CREATE FUNCTION catalog.fold(content text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN translate(
    lower(public.unaccent('public.unaccent'::regdictionary, normalize(content, NFC))), 'y', 'i'
);
COMMENT ON FUNCTION catalog.fold(text) IS 'lower case, without marks, d for đ, i for y';
"""
APPEND_ONLY = """
CREATE FUNCTION catalog.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%.% is append-only', TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON catalog.revision
    FOR EACH STATEMENT EXECUTE FUNCTION catalog.refuse_change();
"""
OWNED = ("product", "revision", "photo", "channel_owner", "listing", "pending")
OWNER = (
    "owner_id = ANY (NULLIF(current_setting('app.owner_ids', true), '')::uuid[])"
)
READ_BY_ALL = {
    "product": "status <> 'draft'",
    "photo": "true",
    "channel": "true",
    "channel_category": "true",
}


def upgrade() -> None:
    op.execute(SEARCH)
    op.create_table('channel',
    sa.Column('connector', sa.Text(), nullable=False),
    sa.Column('name_vi', sa.Text(), nullable=False),
    sa.Column('is_enabled', sa.Boolean(), nullable=False),
    sa.Column('paused_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('paused_for', sa.Text(), nullable=False),
    sa.Column('answered_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('connector', name=op.f('pk_channel')),
    schema='catalog'
    )
    op.create_table('photo',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_id', sa.Uuid(), nullable=False),
    sa.Column('digest', sa.LargeBinary(), nullable=False),
    sa.Column('width', sa.Integer(), nullable=False),
    sa.Column('height', sa.Integer(), nullable=False),
    sa.Column('large', sa.LargeBinary(), nullable=False),
    sa.Column('small', sa.LargeBinary(), nullable=False),
    sa.Column('added_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('octet_length(large) <= 2097152', name=op.f('ck_photo_large')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_photo')),
    sa.UniqueConstraint('owner_id', 'digest', name=op.f('uq_photo_owner_id_digest')),
    schema='catalog'
    )
    op.create_table('product',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('owner_id', sa.Uuid(), nullable=False),
    sa.Column('sku', sa.Text(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('name_vi', sa.Text(), nullable=False),
    sa.Column('name_lower', sa.Text(), nullable=False),
    sa.Column('category', sa.Text(), nullable=False),
    sa.Column('description', sa.Text(), nullable=False),
    sa.Column('unit', sa.Text(), nullable=False),
    sa.Column('unit_qty', sa.Numeric(precision=12, scale=3), nullable=False),
    sa.Column('net_content', sa.Integer(), nullable=True),
    sa.Column('net_unit', sa.Text(), nullable=False),
    sa.Column('weight_g', sa.Integer(), nullable=True),
    sa.Column('price_vnd', sa.BigInteger(), nullable=True),
    sa.Column('sale_price_vnd', sa.BigInteger(), nullable=True),
    sa.Column('sale_from', sa.DateTime(timezone=True), nullable=True),
    sa.Column('sale_to', sa.DateTime(timezone=True), nullable=True),
    sa.Column('in_stock', sa.Boolean(), nullable=False),
    sa.Column('stock_qty', sa.Numeric(precision=12, scale=3), nullable=True),
    sa.Column('available_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('origin', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('gtin', sa.Text(), nullable=False),
    sa.Column('photo_ids', sa.ARRAY(sa.Uuid()), nullable=False),
    sa.Column('icon', sa.Text(), nullable=False),
    sa.Column('status', sa.Text(), nullable=False),
    sa.Column('sort_key', sa.Text(collation='C'), nullable=False),
    sa.Column('content_hash', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("status IN ('draft', 'ready', 'archived')", name=op.f('ck_product_status')),
    sa.CheckConstraint('price_vnd > 0 AND price_vnd <= 499999999', name=op.f('ck_product_price_vnd')),
    sa.CheckConstraint('sale_price_vnd > 0 AND sale_price_vnd < price_vnd', name=op.f('ck_product_sale_price_vnd')),
    sa.CheckConstraint('stock_qty >= 0', name=op.f('ck_product_stock_qty')),
    sa.CheckConstraint('version > 0', name=op.f('ck_product_version')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_product')),
    sa.UniqueConstraint('sku', name=op.f('uq_product_sku')),
    schema='catalog'
    )
    op.create_index(op.f('ix_product_category'), 'product', ['category'], unique=False, schema='catalog')
    op.create_index('ix_product_folded', 'product', [sa.literal_column('catalog.fold(name_vi) public.gin_trgm_ops')], unique=False, schema='catalog', postgresql_using='gin')
    op.create_index('ix_product_owner_id_sort_key', 'product', ['owner_id', 'sort_key'], unique=False, schema='catalog')
    op.create_table('channel_category',
    sa.Column('connector', sa.Text(), nullable=False),
    sa.Column('category', sa.Text(), nullable=False),
    sa.Column('remote_category', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['connector'], ['catalog.channel.connector'], name=op.f('fk_channel_category_connector')),
    sa.PrimaryKeyConstraint('connector', 'category', name=op.f('pk_channel_category')),
    schema='catalog'
    )
    op.create_table('channel_owner',
    sa.Column('connector', sa.Text(), nullable=False),
    sa.Column('owner_id', sa.Uuid(), nullable=False),
    sa.Column('seller', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('is_enabled', sa.Boolean(), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['connector'], ['catalog.channel.connector'], name=op.f('fk_channel_owner_connector')),
    sa.PrimaryKeyConstraint('connector', 'owner_id', name=op.f('pk_channel_owner')),
    schema='catalog'
    )
    op.create_table('listing',
    sa.Column('connector', sa.Text(), nullable=False),
    sa.Column('sku', sa.Text(), nullable=False),
    sa.Column('product_id', sa.Uuid(), nullable=False),
    sa.Column('owner_id', sa.Uuid(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('remote_id', sa.Text(), nullable=False),
    sa.Column('remote_url', sa.Text(), nullable=False),
    sa.Column('version_sent', sa.Integer(), nullable=False),
    sa.Column('reason_code', sa.Text(), nullable=False),
    sa.Column('reason_field', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('checked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("state IN ('none', 'queued', 'submitted', 'in_review', 'live', 'paused', 'delisted', 'rejected', 'error', 'stale')", name=op.f('ck_listing_state')),
    sa.ForeignKeyConstraint(['connector'], ['catalog.channel.connector'], name=op.f('fk_listing_connector')),
    sa.ForeignKeyConstraint(['product_id'], ['catalog.product.id'], name=op.f('fk_listing_product_id')),
    sa.PrimaryKeyConstraint('connector', 'sku', name=op.f('pk_listing')),
    schema='catalog'
    )
    op.create_index('ix_listing_owner_id', 'listing', ['owner_id'], unique=False, schema='catalog')
    op.create_index(op.f('ix_listing_product_id'), 'listing', ['product_id'], unique=False, schema='catalog')
    op.create_index('ix_listing_unsure', 'listing', ['connector', 'checked_at'], unique=False, schema='catalog', postgresql_where=sa.text("state IN ('submitted', 'in_review')"))
    op.create_table('pending',
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('position', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('connector', sa.Text(), nullable=False),
    sa.Column('sku', sa.Text(), nullable=False),
    sa.Column('product_id', sa.Uuid(), nullable=False),
    sa.Column('owner_id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('operation', sa.Text(), nullable=False),
    sa.Column('payload', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('next_try_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('claimed_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('error_code', sa.Text(), nullable=False),
    sa.Column('error', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('done_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("operation IN ('upsert', 'set_price', 'set_stock', 'delist')", name=op.f('ck_pending_operation')),
    sa.CheckConstraint("state IN ('queued', 'done', 'superseded', 'dead')", name=op.f('ck_pending_state')),
    sa.ForeignKeyConstraint(['connector'], ['catalog.channel.connector'], name=op.f('fk_pending_connector')),
    sa.PrimaryKeyConstraint('key', name=op.f('pk_pending')),
    schema='catalog'
    )
    op.create_index('ix_pending_due', 'pending', ['next_try_at'], unique=False, schema='catalog', postgresql_where=sa.text("state = 'queued'"))
    op.create_index('ix_pending_queued', 'pending', ['connector', 'sku', 'position'], unique=False, schema='catalog', postgresql_where=sa.text("state = 'queued'"))
    op.create_table('revision',
    sa.Column('product_id', sa.Uuid(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('owner_id', sa.Uuid(), nullable=False),
    sa.Column('operation', sa.Text(), nullable=False),
    sa.Column('payload', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('content_hash', sa.Text(), nullable=False),
    sa.Column('changed_by', sa.Uuid(), nullable=True),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['product_id'], ['catalog.product.id'], name=op.f('fk_revision_product_id')),
    sa.PrimaryKeyConstraint('product_id', 'version', name=op.f('pk_revision')),
    schema='catalog',
    comment='append-only'
    )
    op.execute(APPEND_ONLY)
    for table in OWNED:
        op.execute(f"ALTER TABLE catalog.{table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY owner ON catalog.{table} USING ({OWNER})")
    for table, condition in READ_BY_ALL.items():
        op.execute(f"ALTER TABLE catalog.{table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY read ON catalog.{table} FOR SELECT USING ({condition})")


def downgrade() -> None:
    for table in ("revision", "pending", "listing", "channel_owner", "channel_category"):
        op.drop_table(table, schema="catalog")
    for table in ("product", "photo", "channel"):
        op.drop_table(table, schema="catalog")
    op.execute("DROP FUNCTION catalog.refuse_change()")
    op.execute("DROP FUNCTION catalog.fold(text)")
