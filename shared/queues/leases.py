"""How long the work on an item may take, and for how long nobody else gets the item: all figures in one
place.

A worker opens a budget for each attempt (shared/http/deadlines.py). Every outgoing call respects it, so the
work ends before its lease. On one machine a lease is also how long the work of a killed process waits. On AWS
the timeouts of the queues and the functions in template.yaml stand around the same budgets.
"""

from __future__ import annotations

# Seconds of a lease: a capture request after a look at the platform; an enrichment of at most 10 s and some
# writes; the requests of one delivery.
CAPTURE, EVENT, DELIVERY = 120.0, 30.0, 60.0
# Seconds at the end of a lease in which nothing new is begun: how the work ended is written down in them.
MARGIN = 10.0
# Seconds of a delivery's budget that the destination does not get: the ledger needs them afterwards.
RECORDING = 5.0
# Seconds: a delivery that has less time left for its requests is not begun.
SHORTEST_SEND = 10.0
# Seconds of a Lambda function's time that the work does not get: SQS is told in them.
SETTLING = 5.0
# A delivery that was begun has its message to itself for so long, and its case where it opens one. After that
# its worker is taken for dead.
SENDING = CASE = DELIVERY


def budget(lease: float) -> float:
    """Seconds for one attempt with all its calls, under a lease of so many seconds."""
    return max(lease - MARGIN, lease / 2)
