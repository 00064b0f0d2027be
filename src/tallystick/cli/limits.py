"""`tallystick review-lines`, `reprice-lines`: limits and prices of the whole book looked at again, every night."""

from typing import TYPE_CHECKING

from tallystick.bootstrap import BUSINESS_ZONE, act_of, opened_books, settings, shown_progress, terminal

if TYPE_CHECKING:
    from tallystick.operations.limit_reviews import NightTold
    from tallystick.reports.limit_terminal import NightShown
    from tallystick.strategy.policy import Strategy


def review_lines(*, by: str) -> None:
    """Look at every open line's limit, once a night after `close-day`: offers, decreases, and prices for the day.

    Lines that wait to be looked at come first. A review that was interrupted goes on where it was, and the same night
    again does nothing.

    Parameters
    ----------
    by
        The name of the person or job that acts; stands in the books beside what is done.
    """
    from tallystick.operations.deciding import Deciders
    from tallystick.operations.limit_requests import answer_wishes, wish_for_large_payments
    from tallystick.operations.limit_reviews import review_lines_at_night
    from tallystick.reports.limit_terminal import night_lines

    act, language, deciders = act_of(by), settings().language, Deciders()
    with opened_books() as connection, shown_progress(language) as progress:
        progress.step({"zh": "待审额度", "en": "lines that wait"})
        with connection.transaction():
            while wish_for_large_payments(connection, act=act):
                pass
        for _ in answer_wishes(connection, deciders=deciders, act=act, zone=BUSINESS_ZONE):
            pass  # each commits by itself
        progress.step({"zh": "额度审查", "en": "review of limits"})
        told = progress.through(review_lines_at_night(connection, deciders=deciders, act=act, zone=BUSINESS_ZONE))
        strategy = deciders.limits(connection, told.night.strategy_id, on=act.today)
    for line in night_lines(_shown(told, strategy), language=language):
        terminal().print(line)


def reprice_lines(*, by: str) -> None:
    """Look at every open line's price, once a night after `close-day`: lower at once, higher after the notice.

    A review that was interrupted goes on where it was, and the same night again does nothing.

    Parameters
    ----------
    by
        The name of the person or job that acts; stands in the books beside what is done.
    """
    from tallystick.operations.deciding import Deciders
    from tallystick.operations.price_reviews import reprice_lines_at_night
    from tallystick.reports.price_terminal import price_night_lines

    act, language = act_of(by), settings().language
    with opened_books() as connection, shown_progress(language) as progress:
        progress.step({"zh": "价格审查", "en": "review of prices"})
        told = progress.through(reprice_lines_at_night(connection, deciders=Deciders(), act=act, zone=BUSINESS_ZONE))
    night = told.night
    shown = price_night_lines(night.reviewed_on, night.release_number, told.lines, told.sums, language=language)
    for line in shown:
        terminal().print(line)


def _shown(told: "NightTold", strategy: "Strategy") -> "NightShown":
    from tallystick.operations.limit_reviews import prices_of_night
    from tallystick.reports.limit_terminal import CapShown, NightShown

    prices = prices_of_night(told.night)
    return NightShown(
        reviewed_on=told.night.reviewed_on,
        release_number=told.night.release_number,
        currency=strategy.currency,
        lines=told.lines,
        sums=told.sums,
        caps=[
            CapShown(rule.zh, rule.en, cap.price, int(cap.left))
            for rule, cap in zip(strategy.caps, prices.caps, strict=True)
        ],
        is_open=prices.is_open,
        gap_ppm=told.night.gap_ppm or 0.0,
        beyond=len(told.beyond),
        undone=[(each.undoes_number or 0, each.because) for each in told.undone_by],
    )
