"""What comes in: checked against its shape, and refused in words that a person knows."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from styxy.core.errors import InvalidInput
from styxy.core.protocol.audit.entries import KIND_OF_WORD
from styxy.core.protocol.audit.shapes import AuditQuery
from styxy.core.protocol.config import ConfigChange
from styxy.core.protocol.decoding import read_body, read_query
from styxy.core.protocol.instances import InterceptorBody, LeaveQuery, RegisterBody
from styxy.core.protocol.leases import AllocateBody, AllocationsQuery, CleanupBody
from styxy.core.protocol.reassignments import ReassignBody
from styxy.core.protocol.views.ports import ScanQuery, SuggestQuery
from tests.core.strategies import json_values

BODIES: tuple[type[msgspec.Struct], ...] = (
    AllocateBody, CleanupBody, ConfigChange, InterceptorBody, ReassignBody, RegisterBody,
)  # fmt: skip

QUERIES: tuple[type[msgspec.Struct], ...] = (
    AllocationsQuery, AuditQuery, LeaveQuery, ScanQuery, SuggestQuery,
)  # fmt: skip

NAMES = "1 to 100 characters from A-Z, a-z, 0-9, '.', '_' and '-'"


def refusal_of(raw: bytes, shape: type[msgspec.Struct] = AllocateBody) -> InvalidInput:
    """Tell how a body is refused."""
    with pytest.raises(InvalidInput) as caught:
        read_body(raw, shape)
    return caught.value


def refusal_of_query(shape: type[msgspec.Struct], **values: str) -> InvalidInput:
    """Tell how a query is refused."""
    with pytest.raises(InvalidInput) as caught:
        read_query(values, shape)
    return caught.value


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("service_type", 3, "1 to 50 characters from a-z, 0-9 and '-', not 3"),
        ("service_type", "", 'and \'-\', not ""'),
        ("service_name", "a b", f'service_name must be {NAMES}, not "a b"'),
        ("service_name", "x" * 101, f'must be {NAMES}, not "{"x" * 60}…"'),
        ("instance_id", None, f"instance_id must be {NAMES}, not null"),
        ("preferred_port", 80, "preferred_port must be a port from 1024 to 65535, not 80"),
        ("preferred_port", 3000.5, "must be a port from 1024 to 65535, not 3000.5"),
        ("preferred_port", 10**30, "must be a port from 1024 to 65535, not a huge number"),
        ("preferred_port", "8000", 'not "8000"; send it without the quotes'),
        ("preferred_port", "80", 'must be a port from 1024 to 65535, not "80"'),
        ("pid", [], "pid must be a process id from 1 to 2147483647, not []"),
        ("pid", -1, "from 1 to 2147483647, not -1"),
        ("ttl", 0, "ttl must be a number of seconds above 0, at most 10 years, not 0"),
        ("dry_run", 1, "dry_run must be true or false, not 1"),
        ("dry_run", "true", 'must be true or false, not "true"; send it without the quotes'),
        ("protocol", "sctp", 'protocol must be one of both, tcp, udp, not "sctp"'),
        ("protocol", "tpc", 'not "tpc"; did you mean \'tcp\'?'),
        ("protocol", 6, "protocol must be one of both, tcp, udp, not 6"),
        ("project_path", "here", 'must be an absolute path of at most 4096 bytes, not "here"'),
        ("project_path", "/\0", r'not "/\u0000"'),
        ("confirm", {"a": 1}, "confirm must be a string, not an object"),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_named_with_what_would(
    field: str, value: object, sentence: str
) -> None:
    refusal = refusal_of(json.dumps({"service_type": "dev", field: value}).encode())
    assert refusal.message.endswith(sentence)
    assert refusal.message.startswith(f"{field} must be ")
    assert refusal.context["field"] == field


@pytest.mark.parametrize(
    ("shape", "fields", "sentence"),
    [
        (ReassignBody, {"port": 80, "pid": 1}, "port must be a port from 1024 to 65535, not 80"),
        (ReassignBody, {"port": 8000}, "the body is missing pid, which must be a process id"),
        (
            ReassignBody,
            {"port": 8000, "pid": 1, "server": "x"},
            'server must be 16 hex digits (0-9 and a-f), not "x"',
        ),
        (RegisterBody, {"instance_id": "a", "metadata": []}, "metadata must be an object, not []"),
        (ConfigChange, {"changes": "x"}, 'changes must be an object, not "x"'),
        (AllocateBody, {}, "the body is missing service_type, which must be 1 to 50 characters"),
    ],
)
def test_every_body_is_refused_in_the_same_words(
    shape: type[msgspec.Struct], fields: dict[str, object], sentence: str
) -> None:
    assert refusal_of(json.dumps(fields).encode(), shape).message.startswith(sentence)


def test_the_first_thing_that_is_wrong_is_named() -> None:
    refusal = refusal_of(b'{"pid": 0, "ttl": 0, "zork": 1}')
    assert refusal.context["field"] == "pid"


def test_an_unknown_field_is_named_with_the_nearest() -> None:
    refusal = refusal_of(b'{"servce_type": "dev"}')
    assert refusal.message == (
        "the body has an unknown field 'servce_type'; did you mean 'service_type'?"
    )
    assert refusal.context["nearest"] == "service_type"


def test_an_unknown_field_that_resembles_none_is_answered_with_all() -> None:
    refusal = refusal_of(b'{"zork": "dev"}', RegisterBody)
    assert refusal.message == (
        "the body has an unknown field 'zork'; expected one of: instance_id, working_directory, "
        "project_path, template, pid, metadata"
    )
    assert "nearest" not in refusal.context


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"[]", "the body must be a JSON object, not []"),
        (b"null", "the body must be a JSON object, not null"),
        (b"{", 'not JSON: expecting property name enclosed in double quotes (line 1, column 2)'),
        (b'{"pid": NaN}', "the body is not JSON: NaN is not a JSON number (line 1, column 9)"),
        (b'{"pid":\n nil}', "not JSON: expecting value (line 2, column 2)"),
        (b"{} x", "not JSON: extra data (line 1, column 4)"),
        (b"[" * 20_000, "not JSON: values are nested more than 32 levels deep"),
        (b'{"service_type": "\xff"}', "the body is not JSON: byte 19 is not UTF-8"),
        (b'{"service_type": "\\ud800"}', "a string has an unpaired surrogate"),
        (b'{"pid": "x", "metadata": ' + b"[" * 20_000, "nested more than 32 levels deep"),
        (b'{"pid": "x", "ttl": ' + b"1" * 5000 + b"}", "a number has too many digits"),
        (b'{"pid": "x", "pid": 7, "service_type": "dev"}', "a duplicate field"),
    ],
)  # fmt: skip
def test_a_body_that_cannot_be_read_is_told_with_the_place(raw: bytes, sentence: str) -> None:
    assert sentence in refusal_of(raw).message


@pytest.mark.parametrize(
    ("raw", "shape"),
    [
        (b'{"service_type": "dev", "service_type": "test"}', AllocateBody),
        (b'{"service_type": "dev", "service_\\u0074ype": "dev"}', AllocateBody),
        (b'{"instance_id": "a", "metadata": {"x": 1, "x": 1}}', RegisterBody),
    ],
)
def test_a_field_that_is_sent_twice_is_refused(raw: bytes, shape: type[msgspec.Struct]) -> None:
    assert "more than once" in refusal_of(raw, shape).message


def test_an_empty_body_is_an_object_without_fields() -> None:
    assert read_body(b" \n", CleanupBody) == CleanupBody(force=False)


def test_a_path_that_is_no_text_is_read_as_it_is_escaped() -> None:
    body = read_body(b'{"service_type": "dev", "project_path": "/\\udcff"}', AllocateBody)
    assert body.project_path == "/\udcff"
    refusal = refusal_of(b'{"project_path": "/\\udcff", "pid": 0}')
    assert refusal.context["field"] == "pid"


@pytest.mark.parametrize(
    ("shape", "values", "sentence"),
    [
        (ScanQuery, {"start": "0"}, 'start must be a port from 1 to 65535, not "0"'),
        (ScanQuery, {"end": ""}, 'end must be a port from 1 to 65535, not ""'),
        (ScanQuery, {"end": "\udcff"}, r'end must be a port from 1 to 65535, not "\udcff"'),
        (SuggestQuery, {"count": "0"}, 'count must be a whole number from 1 to 1000, not "0"'),
        (LeaveQuery, {"keep_leases": "maybe"}, 'keep_leases must be true or false, not "maybe"'),
        (AuditQuery, {"evnt": "x"}, "the query has an unknown field 'evnt'; did you mean 'event'?"),
    ],
)  # fmt: skip
def test_a_query_is_refused_in_the_same_words(
    shape: type[msgspec.Struct], values: dict[str, str], sentence: str
) -> None:
    assert refusal_of_query(shape, **values).message == sentence


def test_an_unknown_kind_of_event_is_answered_with_the_known_ones() -> None:
    refusal = refusal_of_query(AuditQuery, event="zork")
    assert refusal.message.startswith("event must be one of allocated, bound, ")
    assert refusal.message.endswith('unbound, not "zork"')
    assert refusal.context["known"] == sorted(KIND_OF_WORD)
    assert refusal_of_query(AuditQuery, event="relased").message.endswith(
        "did you mean 'released'?"
    )


@given(st.sampled_from(BODIES), st.data())
def test_any_object_fits_or_is_refused_in_one_plain_sentence(
    shape: type[msgspec.Struct], data: st.DataObject
) -> None:
    fields = st.dictionaries(st.sampled_from([*shape.__struct_fields__, "x"]), json_values)
    check(lambda: read_body(json.dumps(data.draw(fields)).encode(), shape))


@given(st.sampled_from(QUERIES), st.data())
def test_any_query_fits_or_is_refused_in_one_plain_sentence(
    shape: type[msgspec.Struct], data: st.DataObject
) -> None:
    values = data.draw(st.dictionaries(st.sampled_from(shape.__struct_fields__), st.text()))
    check(lambda: read_query(values, shape))


def check(read: Any) -> None:
    """See that a value is read or refused, and that no word of the decoder comes through."""
    try:
        read()
    except InvalidInput as refusal:
        said = refusal.message
        assert said.isprintable()
        assert len(said) < 500
        assert not any(word in said for word in ("xpected `", " at `$", "enum value"))
