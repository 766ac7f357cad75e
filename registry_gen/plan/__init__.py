"""Deciding: catalog, sightings and ledger in; actions, refusals and notes out. No clock, no network, no disk."""

from registry_gen.plan.approve import Judge, alarm_needs, lacking
from registry_gen.plan.decide import due_mirrors, plan, returning, stale
from registry_gen.plan.inputs import Context
from registry_gen.plan.quotas import Quotas
from registry_gen.plan.remembered import may_be_remembered, not_due, to_remember, unasked
from registry_gen.plan.settle import Settled, settle

__all__ = [
    "Context",
    "Judge",
    "Quotas",
    "Settled",
    "alarm_needs",
    "due_mirrors",
    "lacking",
    "may_be_remembered",
    "not_due",
    "plan",
    "returning",
    "settle",
    "stale",
    "to_remember",
    "unasked",
]
