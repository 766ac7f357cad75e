"""How an error reads: place, code, what is wrong, what was expected, what was found, what to do."""

from __future__ import annotations

from registry_gen.errors import Code, InputError, Position, RegistryError

CODE = Code("ABC001", "the thing is wrong", "Because.", "Mend it.")


def test_an_error_says_all_that_it_knows_on_one_line_and_its_hint_on_the_next() -> None:
    error = InputError(CODE, where="acme/network", expected="this", found="that", hint="Write this.")

    assert str(error) == "acme/network: ABC001 the thing is wrong; expected this; found that\n  hint: Write this."


def test_a_position_in_the_catalog_stands_in_for_the_place() -> None:
    error = InputError(CODE, where="acme/network", position=Position("catalog/a.yaml", 3, 7))

    assert str(error) == "catalog/a.yaml:3:7: ABC001 the thing is wrong"


def test_a_detail_says_more_than_the_title() -> None:
    assert InputError(CODE, "two things are wrong").message == "two things are wrong"


def test_a_code_is_shown_as_its_id() -> None:
    assert str(CODE) == "ABC001"


def test_positions_sort_by_file_then_line_then_column() -> None:
    positions = [Position("b", 1, 1), Position("a", 2, 1), Position("a", 1, 9), Position("a", 1, 10)]

    assert [str(position) for position in sorted(positions)] == ["a:1:9", "a:1:10", "a:2:1", "b:1:1"]


def test_every_kind_of_error_is_a_registry_error() -> None:
    assert {kind.__name__ for kind in RegistryError.__subclasses__()} >= {
        *("InputError", "SourceError", "RefusalError", "ConflictError", "StorageError", "LedgerError"),
    }
