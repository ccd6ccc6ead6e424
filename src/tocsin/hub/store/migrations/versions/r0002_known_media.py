"""Findings and alerts name the entries of hash lists that media matched.

Revision: 0002, after 0001.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; what was there before matched nothing."""
    for table in ("findings", "alerts"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(sa.Column("matches", sa.JSON(), server_default=sa.text("'[]'"), nullable=False))
