"""What published versions take up, by namespace: the sizes of stored archives and zips, and the number of versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from registry_gen.model.facts import Stock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection
    from psycopg.rows import TupleRow

_READ: Final = """
SELECT namespace, sum(size)::bigint, count(*) FROM (
    SELECT m.namespace, coalesce(v.archive_size, 0) AS size
    FROM module_versions v JOIN modules m ON m.package = v.package
    WHERE m.namespace = ANY(%(some)s) AND coalesce(v.withdrawn->>'stage' <> 'collected', true)
    UNION ALL
    SELECT p.namespace, CASE v.hosting WHEN 'copy' THEN (
        SELECT coalesce(sum(f.size), 0) FROM provider_platforms f WHERE f.version_id = v.id
    ) ELSE 0 END
    FROM provider_versions v JOIN providers p ON p.package = v.package
    WHERE p.namespace = ANY(%(some)s) AND coalesce(v.withdrawn->>'stage' <> 'collected', true)
) versions GROUP BY namespace ORDER BY namespace
"""


def read(connection: Connection[TupleRow], namespaces: Sequence[str]) -> dict[str, Stock]:
    """What is taken up in each of these namespaces; collected versions have nothing left, and do not count."""
    rows = connection.execute(_READ, {"some": list(namespaces)})
    return {namespace: Stock(int(size), count) for namespace, size, count in rows}
