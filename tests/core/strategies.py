"""Values of the core for hypothesis: names, owners, holders, leases, events."""

from __future__ import annotations

from typing import Any, get_args

from hypothesis import strategies as st

from styxy.core.books.events import (
    Asked,
    AskForgotten,
    Attributed,
    Bound,
    Dated,
    Ending,
    Event,
    Forgotten,
    Heard,
    InstanceEnding,
    InstanceGone,
    InstanceSeen,
    Leased,
    MoveForgotten,
    MoveRemembered,
    Noted,
    Passed,
    Probed,
    ProgramForgotten,
    ProgramSeen,
    RangeAdded,
    RangeRemoved,
    Reassigned,
    Released,
    Remembered,
    Unbound,
)
from styxy.core.decisions.requests import Reason
from styxy.core.model.instances import Instance
from styxy.core.model.leases import Holder, Lease, Owner, Protocol, State
from styxy.core.model.ports import Port, PortRange
from styxy.core.model.programs import Evidence, Program, ProgramId, Sign
from styxy.core.model.service_types import ServiceType
from styxy.core.protocol.wire import BindQuestion

ports: st.SearchStrategy[Port] = st.integers(1024, 65535).map(Port)
times = st.floats(0, 2**33, allow_nan=False)
names = st.text(min_size=1, max_size=20)
raw_texts = st.binary(min_size=1, max_size=20).map(
    lambda raw: raw.replace(b"\0", b"x").decode("utf-8", "surrogateescape")
)
"""What a path or a process name may be on Linux: any bytes but NUL."""
absolute_paths = raw_texts.map(lambda text: f"/{text}")

holders = st.builds(
    Holder, pid=st.integers(1, 2**22), start_time=st.integers(0, 2**63 - 1), boot=names
)
owners = st.builds(Owner, project=st.none() | raw_texts, instance_id=names)
leases = st.builds(
    Lease,
    lease_id=names,
    port=ports,
    service_type=names,
    service_name=raw_texts,
    owner=owners,
    holder=st.none() | holders,
    protocol=st.sampled_from(get_args(Protocol)),
    state=st.sampled_from(get_args(State)),
    allocated_at=times,
    last_seen=times,
    expires_at=st.none() | times,
    asked=st.none() | ports,
    image_id=st.none() | names,
)

ranges = st.tuples(ports, ports).map(lambda both: PortRange(min(both), max(both)))
services = st.builds(
    ServiceType,
    name=names,
    ports=ranges,
    more=st.lists(ranges, max_size=2).map(tuple),
    preferred_ports=st.lists(ports, max_size=3).map(tuple),
    description=names,
    behavior=st.sampled_from(["multi", "single"]),
    auto_allocated=st.none() | names,
)
instances = st.builds(
    Instance,
    instance_id=names,
    registered_at=times,
    last_heartbeat=times,
    holder=st.none() | holders,
    working_directory=st.none() | raw_texts,
    project=st.none() | raw_texts,
    template=st.none() | names,
    metadata=st.none() | names,
    port=st.none() | ports,
    service_type=st.none() | names,
)

program_ids = st.builds(ProgramId, executable=absolute_paths, script=raw_texts)
programs = st.builds(
    Program,
    id=program_ids,
    name=names,
    evidence=st.lists(
        st.builds(
            Evidence,
            sign=st.sampled_from(get_args(Sign)),
            number=st.integers(0, 65535),
            asked=ports,
            got=ports,
            project=st.none() | raw_texts,
            at=times,
        ),
        max_size=2,
    ).map(tuple),
    has_failed=st.booleans(),
)

_about: dict[str, Any] = {"lease_id": names, "port": ports, "at": times}

EVENTS: dict[type[Event], st.SearchStrategy[Event]] = {
    Leased: st.builds(Leased, lease=leases, at=times),
    Released: st.builds(
        Released,
        reason=st.sampled_from(get_args(Ending)),
        holder=st.none() | holders,
        **_about,
    ),
    Passed: st.builds(Passed, holder=holders, **_about),
    Bound: st.builds(Bound, **_about),
    Dated: st.builds(Dated, expires_at=times, given_up=st.booleans(), **_about),
    Unbound: st.builds(Unbound, expires_at=st.none() | times, **_about),
    Reassigned: st.builds(
        Reassigned,
        requested_port=ports,
        port=ports,
        pid=st.integers(1, 2**22),
        process=raw_texts,
        service_type=names,
        owner=owners,
        at=times,
    ),
    Probed: st.builds(Probed, lease_id=names, requested_port=ports, port=ports, at=times),
    Remembered: st.builds(
        Remembered, project=raw_texts, service_type=names, service_name=names, port=ports, at=times
    ),
    MoveRemembered: st.builds(
        MoveRemembered, owner_key=st.integers(1, 2**64 - 1), asked=ports, port=ports, at=times
    ),
    Forgotten: st.builds(
        Forgotten, project=raw_texts, service_type=names, service_name=names, port=ports, at=times
    ),
    MoveForgotten: st.builds(
        MoveForgotten, owner_key=st.integers(1, 2**64 - 1), asked=ports, port=ports, at=times
    ),
    Asked: st.builds(Asked, asker_key=st.integers(1, 2**64 - 1), port=ports, at=times),
    AskForgotten: st.builds(
        AskForgotten, asker_key=st.integers(1, 2**64 - 1), port=ports, at=times
    ),
    RangeAdded: st.builds(
        RangeAdded, service=services, placement=names, chunk_size=st.integers(0, 1000), at=times
    ),
    RangeRemoved: st.builds(RangeRemoved, name=names, at=times),
    InstanceSeen: st.builds(InstanceSeen, instance=instances, at=times),
    Heard: st.builds(Heard, instance_id=names, at=times),
    InstanceGone: st.builds(
        InstanceGone,
        instance_id=names,
        reason=st.sampled_from(get_args(InstanceEnding)),
        at=times,
    ),
    Attributed: st.builds(
        Attributed,
        holders=st.lists(holders, min_size=1, max_size=3).map(tuple),
        instance_id=st.none() | names,
        at=times,
    ),
    ProgramSeen: st.builds(ProgramSeen, program=programs, at=times),
    ProgramForgotten: st.builds(ProgramForgotten, id=program_ids, name=names, at=times),
    Noted: st.builds(
        Noted,
        subject=names,
        message=raw_texts,
        level=st.sampled_from(["info", "warning", "error"]),
        at=times,
    ),
}

questions = st.fixed_dictionaries(
    {
        "protocol": st.sampled_from(["tcp", "udp"]),
        "family": st.sampled_from([4, 6]),
        "port": ports,
        "address": st.ip_addresses().map(str),
        "reason": st.sampled_from(get_args(Reason)),
        "lost": st.none() | ports,
        "image_id": st.integers(0, 2**64 - 1).map("{:016x}".format),
        "instance_id": raw_texts,
        "service_type": st.none() | raw_texts,
        "project": st.none() | absolute_paths,
    }
).map(lambda fields: BindQuestion(**fields))

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
"""Whatever JSON can hold."""

json_objects = st.dictionaries(st.text(), json_values, max_size=5)
