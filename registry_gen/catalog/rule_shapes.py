"""The keys of a package's file that say what becomes of published versions, as pydantic models.

``rules`` makes facts of them and judges one against another.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import ConfigDict, Discriminator, Field, Tag

from registry_gen.catalog.fields import AddressText, Message, RangeText, reads, schema, whole, written
from registry_gen.catalog.shapes import Items, Shape

SENTENCE: Final = "a message about every version"
RULES: Final = "a list of messages"

_MOST: Final = 100_000
_Whole = Annotated[int | None, reads(whole(1, _MOST), written), schema(type="integer", minimum=1, maximum=_MOST)]


class DeprecationShape(Shape):
    """A warning to those who select one of these versions."""

    message: Annotated[Message, Field(description="What they are told: one line.")]
    replacement: Annotated[AddressText, Field(description="What to use instead: an address of the same kind.")] = None
    versions: Annotated[
        RangeText, Field(description="Which versions, by order alone; all if left out. Prereleases count.")
    ] = None


class WithdrawalShape(Shape):
    """Versions that are taken back."""

    reason: Annotated[
        Message,
        Field(description="Why, in one line that everybody can read.", examples=["Its examples held a live token."]),
    ]
    versions: Annotated[
        RangeText, Field(description="Which versions, by order alone; all if left out. Prereleases count.")
    ] = None


class RetentionShape(Shape):
    """What is withdrawn by itself."""

    latest: Annotated[
        _Whole, Field(description="So many releases stay listed: the newest. Prereleases do not count.", examples=[10])
    ] = None
    prerelease_days: Annotated[
        _Whole, Field(description="A prerelease is withdrawn so many days after it was published.", examples=[30])
    ] = None


def _form(value: Any) -> str | None:
    return RULES if isinstance(value, tuple) else None if isinstance(value, dict) else SENTENCE


Deprecations = Annotated[
    Annotated[Message, Tag(SENTENCE)] | Annotated[tuple[DeprecationShape, ...], Items, Tag(RULES)],
    Discriminator(_form, custom_error_type="no_form", custom_error_message="text, or a list of messages"),
    Field(description="A warning to those who select the package: text, or a list with a message for some versions."),
]
Withdrawals = Annotated[tuple[WithdrawalShape, ...], Items, Field(description="Versions to take back, and why.")]
RetentionText = Annotated[RetentionShape, Field(description="What is withdrawn by itself, by number or by age.")]
EVERYTHING: Final = RetentionShape()
"""Nothing is withdrawn by itself."""


class RulesAlone(Shape):
    """Of any package's file the rules that commands change, whatever else it says."""

    model_config = ConfigDict(extra="ignore")

    deprecated: Deprecations = ()
    withdrawn: Withdrawals = ()
