"""Which releases of crewAI this package accepts."""

import pytest

from crewai_hitl_nb.crewai_needed import is_too_old


@pytest.mark.parametrize("version", ["1.15.29", "1.15.29rc1", "1.15.30a2", "1.16", "1.16rc1", "2"])
def test_the_needed_release_and_later_ones_are_accepted(version: str) -> None:
    assert not is_too_old(version)


@pytest.mark.parametrize("version", ["1.15.28", "1.15.3rc10", "1.15.2.post99", "1.15", "1rc16", ""])
def test_an_older_release_is_refused_whatever_digits_its_suffix_has(version: str) -> None:
    assert is_too_old(version)
