"""Keys: the same number in Python and in C, never the one that means nobody."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styxy.core.hashing import fnv1a64, owner_key


@pytest.mark.parametrize(
    ("data", "value"),
    [
        # The test vectors of draft-eastlake-fnv, appendix C.
        (b"", 0xCBF29CE484222325),
        (b"a", 0xAF63DC4C8601EC8C),
        (b"foobar", 0x85944171F73967E8),
    ],
)
def test_the_hash_is_fnv_1a(data: bytes, value: int) -> None:
    assert fnv1a64(data) == value


@given(st.text(), st.text())
def test_a_key_fits_a_word_and_is_never_nobody(project: str, instance_id: str) -> None:
    project = project.encode("utf-8", "ignore").decode()
    instance_id = instance_id.encode("utf-8", "ignore").decode()
    assert 0 < owner_key(project=project, instance_id=instance_id) < 2**64


def test_a_project_counts_more_than_the_instance() -> None:
    assert owner_key(project="/a", instance_id="x") == owner_key(project="/a", instance_id="y")
    assert owner_key(project="/a", instance_id="x") != owner_key(project="/b", instance_id="x")


def test_an_instance_counts_where_no_project_is_known() -> None:
    assert owner_key(project=None, instance_id="x") != owner_key(project=None, instance_id="y")
    assert owner_key(project="", instance_id="x") == owner_key(project=None, instance_id="x")


def test_a_project_and_an_instance_of_one_name_differ() -> None:
    assert owner_key(project="x", instance_id="") != owner_key(project=None, instance_id="x")


def test_a_path_that_is_not_utf_8_has_the_key_of_its_bytes() -> None:
    path = b"/caf\xe9".decode("utf-8", "surrogateescape")
    assert owner_key(project=path, instance_id="") == fnv1a64(b"project:/caf\xe9")
