"""Offers that nobody answered in time are closed, so that who waits for an answer is told that none came."""

from datetime import tzinfo

from psycopg import Connection

from tallystick.operations.application_answers import close_expired_offer
from tallystick.operations.clocks import act_on_line
from tallystick.operations.line_offers import close_expired_limit
from tallystick.operations.lines import Act
from tallystick.storage.credit_offers import credit_offers_over
from tallystick.storage.limit_offers import offers_over


def close_expired_offers(connection: Connection, *, act: Act, zone: tzinfo, most: int) -> int:
    """Close up to `most` offers of lines and as many of limits whose last day is over; gives how many.

    `connection` commits by itself, and each offer does.
    """
    closed = 0
    for offer in credit_offers_over(connection, on=act.today, most=most):
        with connection.transaction():
            closed += close_expired_offer(connection, offer.application_id, act=act)
    for offer_id, line_id in offers_over(connection, on=act.today, most=most):
        with connection.transaction():
            there = act_on_line(connection, line_id, act=act, zone=zone)
            closed += close_expired_limit(connection, offer_id, act=there)
    return closed
