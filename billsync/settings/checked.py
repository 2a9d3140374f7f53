"""Texts of settings into checked values, in one way for all of them.

Each refuses what is no such value; the message names the variable and says what it must be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from billsync.settings.names import ConfigurationError

if TYPE_CHECKING:
    from billsync.settings.values import Settings

_SWITCH: Final = {"True": True, "False": False}


def choice(settings: Settings, name: str, allowed: tuple[str, ...]) -> str:
    """One of some words."""
    value = settings.get(name) or ""
    if value not in allowed:
        raise wrong(name, value, f"one of {', '.join(allowed)}")
    return value


def switch(settings: Settings, name: str) -> bool:
    """``True`` or ``False``."""
    text = settings.require(name)
    if text not in _SWITCH:
        raise wrong(name, text, "True or False")
    return _SWITCH[text]


def whole_number(settings: Settings, name: str, most: int | None = None) -> int:
    """A whole number from 1 on, at most ``most``."""
    text = settings.get(name) or ""
    if not (text.isascii() and text.isdigit()) or int(text) < 1 or (most is not None and int(text) > most):
        raise wrong(name, text, f"a whole number from 1{f' to {most}' if most else ' on'}")
    return int(text)


def wrong(name: str, value: str, wanted: str) -> ConfigurationError:
    """The error of a value that is none."""
    return ConfigurationError(f"{name} is {value!r}; it must be {wanted}")
