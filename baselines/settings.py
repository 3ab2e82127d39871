"""Settings checked before any work."""

from __future__ import annotations

from bench.errors import UserError


def at_least(least: int, **settings: int) -> None:
    """Refuse a smaller number.

    Raises:
        UserError: names the setting.
    """
    for name, value in settings.items():
        if value < least:
            raise UserError(f"setting {name}={value}: must be at least {least}")


def share(**settings: float) -> None:
    """Refuse what is not a share of a whole: 0, a negative number, one above 1, NaN.

    Raises:
        UserError: names the setting.
    """
    for name, value in settings.items():
        if not 0 < value <= 1:
            raise UserError(f"setting {name}={value}: must be above 0 and at most 1")
