"""Written MIDI files read back as what was written."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from bench.datasets.smf import SmfNote, smf_bytes
from bench.midi import parse_midi


@st.composite
def voices(draw: st.DrawFn) -> list[SmfNote]:
    """Notes of which no two of one pitch and channel overlap, though they may touch."""
    notes = []
    for channel, pitch in draw(
        st.sets(st.tuples(st.integers(0, 15), st.integers(0, 127)), max_size=6)
    ):
        tick = 0
        for rest, length in draw(
            st.lists(st.tuples(st.integers(0, 300), st.integers(1, 40_000)), max_size=4)
        ):
            onset = tick + rest
            tick = onset + length
            notes.append(SmfNote(onset, tick, pitch, draw(st.integers(1, 127)), channel))
    return notes


@settings(deadline=None, max_examples=50)  # no judgement on a busy machine
@given(
    st.lists(voices(), min_size=1, max_size=3),
    st.integers(1, 32767),
    st.integers(1, (1 << 24) - 1),
    st.tuples(st.integers(1, 20), st.sampled_from([1, 2, 4, 8, 16])),
)
def test_what_is_written_is_read(
    tracks: list[list[SmfNote]], ticks_per_beat: int, tempo: int, signature: tuple[int, int]
) -> None:
    data = smf_bytes(
        tracks,
        ticks_per_beat=ticks_per_beat,
        microseconds_per_beat=tempo,
        time_signature=signature,
    )
    midi = parse_midi(data)
    first = 0 if len(tracks) == 1 else 1
    notes = midi.notes
    read = sorted(
        zip(
            (notes.track - first).tolist(),
            notes.onset.tolist(),
            notes.end.tolist(),
            notes.pitch.tolist(),
            notes.velocity.tolist(),
            notes.channel.tolist(),
            strict=True,
        )
    )
    assert read == sorted(
        (i, n.onset, n.end, n.pitch, n.velocity, n.channel)
        for i, track in enumerate(tracks)
        for n in track
    )
    assert notes.closed.all()
    assert midi.ticks_per_beat == ticks_per_beat
    assert midi.tempos["microseconds_per_beat"].tolist() == [tempo]
    (written,) = midi.time_signatures
    assert (written["numerator"], written["denominator"]) == signature
    assert len(midi.track_ends) == first + len(tracks)
