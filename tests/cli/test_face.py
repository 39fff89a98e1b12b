"""A face that needs an extra says how to get it."""

import pytest

from fileorg.cli.face import check_installed
from fileorg.core.errors import UsageError


def test_a_missing_package_names_the_extra() -> None:
    with pytest.raises(UsageError, match="fileorg serve needs the package no_such_package") as found:
        check_installed("serve", "no_such_package")
    assert found.value.hint == "pip install 'fileorg[serve]'"
