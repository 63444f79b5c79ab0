"""A user's mapping of columns, checked before any shard is read."""

from __future__ import annotations

import pytest

from presswatch_spark.core.errors import ConfigError
from presswatch_spark.reading.rows.columns import ROLES, as_languages, check_mapping, first, pruned, tree_of


def test_a_mapping_of_known_roles_is_accepted() -> None:
    check_mapping({})
    check_mapping(dict.fromkeys(ROLES, "some.column"))


def test_a_name_that_is_no_role_is_refused_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match="texte") as caught:
        check_mapping({"text": "corps", "texte": "corps"})
    assert all(role in caught.value.remedy for role in ROLES)


def test_a_role_without_a_column_is_refused() -> None:
    with pytest.raises(ConfigError, match="no column for url"):
        check_mapping({"text": "corps", "url": ""})


@pytest.mark.parametrize("unreadable", [[], {}, 1.5, [[]], True, ""])
def test_what_nobody_can_read_still_hides_the_names_tried_after_it(unreadable: object) -> None:
    row = {"languages": unreadable, "language": "eng"}
    kept = pruned(row, tree_of([("languages",), ("language",)]))
    paths = [("languages",), ("language",)]
    assert as_languages(first(kept, paths)) == as_languages(first(row, paths))
