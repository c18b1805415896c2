"""The absence of the labelled images is noticed."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

CONFTEST = runpy.run_path(str(Path(__file__).with_name("conftest.py")))  # every folder has a module conftest
DATA_SET, data_or_why_not = CONFTEST["DATA_SET"], CONFTEST["data_or_why_not"]


def test_without_images_tests_are_skipped_here_and_fail_in_ci(tmp_path: Path) -> None:
    with pytest.raises(pytest.skip.Exception):
        data_or_why_not({}, None)
    for environment in ({"CI": "true"}, {"UNETPP_DATA": str(tmp_path)}):
        with pytest.raises(pytest.fail.Exception, match="set UNETPP_DATA"):
            data_or_why_not(environment, tmp_path)
    (tmp_path / DATA_SET).mkdir()
    assert data_or_why_not({"CI": "true"}, tmp_path) == tmp_path
