"""How long the work on an item may take, and how long no other worker gets the item.

A worker opens a budget for each attempt (shared/http/deadlines.py). Every outgoing call respects the budget,
so the work ends before the lease. On one machine the items of a killed process wait until their leases have
run out. On AWS the timeouts of the queues and functions in template.yaml are derived from the same figures.
"""

from __future__ import annotations

# Seconds of a lease. CAPTURE: a look at the platform and a capture request. EVENT: an enrichment of at most
# 10 s and some writes. DELIVERY: the requests of one delivery.
CAPTURE, EVENT, DELIVERY = 120.0, 30.0, 60.0
# Seconds at the end of a lease that are reserved for recording how the work ended.
MARGIN = 10.0
# Seconds of a delivery's budget that are reserved for the ledger, after the requests to the destination.
RECORDING = 5.0
# Seconds; a delivery is not begun with less time than this for its requests.
SHORTEST_SEND = 10.0
# Seconds of a Lambda function's time that are reserved for telling SQS how the work ended.
SETTLING = 5.0
# Seconds for which a delivery holds its message, and the case that it opens. After that, its worker counts as
# dead.
SENDING = CASE = DELIVERY


def budget(lease: float) -> float:
    """Seconds for one attempt with all its calls, for a lease of so many seconds."""
    return max(lease - MARGIN, lease / 2)
