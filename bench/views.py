"""What can be looked at in a MIDI file: its key, its tokens as a method sees them, ...

A view is a function from one `Midi` to one JSON value. Packages bring views of their own through
the entry-point group `smer_bench.views`: name = "module:function".
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from bench.keys import find_key
from bench.registry import calling, load_point, point_names

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.midi import Midi

    View = Callable[[Midi], Any]

GROUP = "smer_bench.views"


@cache
def view_names() -> tuple[str, ...]:
    """Names of all views; nothing is imported."""
    return tuple(point_names(GROUP))


def view_key(midi: Midi) -> str | None:
    """The key in music21's spelling, such as "B- major"; None without notes."""
    key = find_key(midi)
    return key.name if key else None


def load_view(name: str) -> View:
    """The view of that name, which raises `UserError` if it fails or gives no JSON value.

    Raises:
        UserError: as `bench.registry.load_point`.
    """
    import msgspec

    view: View = load_point(GROUP, name, "view")

    def guarded(midi: Midi) -> Any:
        with calling("view", name):
            return msgspec.json.decode(msgspec.json.encode(view(midi)))  # as a reader will see it

    return guarded
