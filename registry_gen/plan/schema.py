"""The JSON Schema of a plan. ``schemas/plan.schema.json`` holds what this makes."""

from __future__ import annotations

from registry_gen.catalog.schema import schema_bytes
from registry_gen.plan.shapes import PlanShape


def plan_schemas() -> dict[str, bytes]:
    """The schema by its file name, as bytes that are the same on each run (JSON Schema 2020-12, UTF-8)."""
    return {"plan.schema.json": schema_bytes("plan", PlanShape)}
