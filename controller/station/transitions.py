"""The status-transition matrix of OCPP 1.6 (STAT-6), as data; the derived status is held against it.

`path` leads from the status that was told last to the present one over defined transitions only: Preparing to
Unavailable has none of its own, so Available is reported in between (STAT-7).
"""

from collections import deque
from functools import cache

from controller.ocpp.types import ChargePointStatus as S

TRANSITIONS: dict[S, tuple[S, ...]] = {
    S.Available: (S.Preparing, S.Charging, S.SuspendedEV, S.SuspendedEVSE, S.Reserved, S.Unavailable, S.Faulted),
    S.Preparing: (S.Available, S.Charging, S.SuspendedEV, S.SuspendedEVSE, S.Finishing, S.Faulted),
    S.Charging: (S.Available, S.SuspendedEV, S.SuspendedEVSE, S.Finishing, S.Unavailable, S.Faulted),
    S.SuspendedEV: (S.Available, S.Charging, S.SuspendedEVSE, S.Finishing, S.Unavailable, S.Faulted),
    S.SuspendedEVSE: (S.Available, S.Charging, S.SuspendedEV, S.Finishing, S.Unavailable, S.Faulted),
    S.Finishing: (S.Preparing, S.Available, S.Unavailable, S.Faulted),
    S.Reserved: (S.Preparing, S.Available, S.Unavailable, S.Faulted),
    S.Unavailable: (S.Available, S.Preparing, S.Charging, S.SuspendedEV, S.SuspendedEVSE, S.Faulted),
    S.Faulted: (S.Available, S.Preparing, S.Charging, S.SuspendedEV, S.SuspendedEVSE, S.Finishing, S.Reserved,
                S.Unavailable),
}


@cache
def path(told: S, now: S) -> tuple[S, ...]:
    """The statuses to report after `told` so that the last is `now`: the shortest defined way, () if nothing changed.

    Of equally short ways the first in the table is taken: a new user begins with Preparing (F2, G2), not by leaving.
    Faulted is never passed through on the way to something else: it would report a fault that is not there.
    """
    ways: deque[tuple[S, tuple[S, ...]]] = deque([(told, ())] if told is not now else [])
    seen = {told}
    while ways:
        status, way = ways.popleft()
        for following in TRANSITIONS[status]:
            if following is now:
                return (*way, following)
            if following not in seen and following is not S.Faulted:
                seen.add(following)
                ways.append((following, (*way, following)))
    return ()
