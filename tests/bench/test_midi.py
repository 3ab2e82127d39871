from __future__ import annotations

import tracemalloc
from dataclasses import fields
from io import BytesIO
from typing import TYPE_CHECKING, Any

import mido
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.datasets.smf import SmfNote, smf_bytes
from bench.midi import MidiError, parse_midi, read_midi

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from bench.midi import EventArray, Midi

CHANNELS = st.integers(0, 15)
BYTES = st.integers(0, 127)
KEYS = {"C": (0, 0), "Bb": (-2, 0), "Cb": (-7, 0), "F#m": (3, 1), "A#m": (7, 1)}
TABLES = ("tempos", "time_signatures", "key_signatures", "programs", "controls", "pitch_bends")


def _message(kind: str, **values: st.SearchStrategy[Any]) -> st.SearchStrategy[mido.Message]:
    return st.builds(lambda v: mido.Message(kind, **v), st.fixed_dictionaries(values))


def _meta(kind: str, **values: st.SearchStrategy[Any]) -> st.SearchStrategy[mido.MetaMessage]:
    return st.builds(lambda v: mido.MetaMessage(kind, **v), st.fixed_dictionaries(values))


# Few pitches and channels, so that notes meet.
_FEW = {"note": st.sampled_from([60, 64]), "channel": st.sampled_from([0, 9])}
MESSAGES = st.one_of(
    _message("note_on", velocity=BYTES, **_FEW),
    _message("note_on", velocity=st.just(0), **_FEW),
    _message("note_off", velocity=BYTES, **_FEW),
    _message("note_on", note=BYTES, channel=CHANNELS, velocity=BYTES),
    _message("control_change", control=BYTES, value=BYTES, channel=CHANNELS),
    _message("program_change", program=BYTES, channel=CHANNELS),
    _message("pitchwheel", pitch=st.integers(-8192, 8191), channel=CHANNELS),
    _message("aftertouch", value=BYTES, channel=CHANNELS),
    _message("polytouch", note=BYTES, value=BYTES, channel=CHANNELS),
    _message("sysex", data=st.lists(BYTES, max_size=200).map(tuple)),
    _meta("set_tempo", tempo=st.integers(0, 0xFFFFFF)),
    _meta(
        "time_signature",
        numerator=st.integers(1, 255),
        denominator=st.sampled_from([1, 2, 4, 8, 64]),
    ),
    _meta("key_signature", key=st.sampled_from(sorted(KEYS))),
    _meta("text", text=st.text("abc \u00e9", max_size=200)),
)
DELTAS = st.one_of(st.integers(0, 300), st.sampled_from([127, 128, 16383, 16384, 2**28 - 1]))
TRACKS = st.lists(st.lists(st.tuples(DELTAS, MESSAGES), max_size=25), min_size=1, max_size=3)


def _file_bytes(
    tracks: Iterable[Iterable[tuple[int, mido.Message]]], ticks_per_beat: int = 480
) -> bytes:
    file = mido.MidiFile(type=1, ticks_per_beat=ticks_per_beat)
    for events in tracks:
        file.tracks.append(mido.MidiTrack([message.copy(time=delta) for delta, message in events]))
    stream = BytesIO()
    file.save(file=stream)
    return stream.getvalue()


def _events(data: bytes) -> list[tuple[int, int, Any]]:
    """Every event as mido reads it: track, absolute tick, message."""
    rows = []
    for track, messages in enumerate(mido.MidiFile(file=BytesIO(data)).tracks):
        tick = 0
        for message in messages:
            tick += message.time
            rows.append((track, tick, message))
    return rows


def _is_on(message: Any) -> bool:
    return message.type == "note_on" and message.velocity > 0


def _is_off(message: Any) -> bool:
    return message.type == "note_off" or (message.type == "note_on" and message.velocity == 0)


def _expected_notes(events: Sequence[tuple[int, int, Any]]) -> list[tuple[int | bool, ...]]:
    rows = []
    for i, (track, tick, message) in enumerate(events):
        if not _is_on(message):
            continue
        offs = [
            later
            for its_track, later, other in events[i:]
            if its_track == track
            and _is_off(other)
            and (other.note, other.channel) == (message.note, message.channel)
        ]
        last = max(later for its_track, later, _ in events if its_track == track)
        end = offs[0] if offs else last
        rows.append((tick, end, message.note, message.velocity, message.channel, track, bool(offs)))
    return rows


def _expected_table(name: str, events: Sequence[tuple[int, int, Any]]) -> list[tuple[int, ...]]:
    rows = []
    notes = offs = 0
    for track, tick, m in events:
        row: tuple[int, ...] | None = None
        if name == "tempos" and m.type == "set_tempo":
            row = (m.tempo,)
        elif name == "time_signatures" and m.type == "time_signature":
            row = (m.numerator, m.denominator)
        elif name == "key_signatures" and m.type == "key_signature":
            row = KEYS[m.key]
        elif name == "programs" and m.type == "program_change":
            row = (m.channel, m.program, notes)
        elif name == "controls" and m.type == "control_change":
            row = (m.channel, m.control, m.value)
        elif name == "pitch_bends" and m.type == "pitchwheel":
            row = (m.channel, m.pitch, offs)
        elif name == "note_offs" and _is_off(m):
            row = (m.channel, m.note, notes)
        if row is not None:
            rows.append((track, tick, *row))
        notes += _is_on(m)
        offs += _is_off(m)
    return rows


def _rows(midi: Midi, name: str) -> list[tuple[int, ...]]:
    table: EventArray = getattr(midi, name)
    return list(map(tuple, table.tolist()))


def _note_rows(midi: Midi) -> list[tuple[int | bool, ...]]:
    columns = [getattr(midi.notes, field.name).tolist() for field in fields(midi.notes)]
    return list(zip(*columns, strict=True))


@settings(deadline=None)
@given(TRACKS)
def test_events_are_those_that_mido_reads(tracks: list[list[tuple[int, mido.Message]]]) -> None:
    data = _file_bytes(tracks)
    midi, events = parse_midi(data), _events(data)
    assert _note_rows(midi) == _expected_notes(events)
    for name in (*TABLES, "note_offs"):
        assert _rows(midi, name) == _expected_table(name, events), name
    others = {"aftertouch", "polytouch", "sysex", "text"}
    assert sorted(midi.other_ticks) == sorted(t for _, t, m in events if m.type in others)
    assert midi.track_ends.tolist() == [
        max(tick for track, tick, _ in events if track == i) for i in range(len(tracks))
    ]


def test_overlapping_notes_share_the_next_note_off() -> None:
    on, off = (mido.Message(kind, note=60, velocity=9) for kind in ("note_on", "note_off"))
    midi = parse_midi(_file_bytes([[(0, on), (10, on), (10, off), (10, on), (5, off)]]))
    assert midi.notes.onset.tolist() == [0, 10, 30]
    assert midi.notes.end.tolist() == [20, 20, 35]
    assert midi.notes.duration.tolist() == [20, 10, 5]


def test_a_note_never_switched_off_lasts_to_the_end_of_its_track() -> None:
    on = mido.Message("note_on", note=60, velocity=9)
    tempo = mido.MetaMessage("set_tempo", tempo=1)
    midi = parse_midi(_file_bytes([[(5, on), (40, tempo)], [(900, tempo)]]))
    assert midi.notes.end.tolist() == [45]
    assert not midi.notes.closed.any()
    assert midi.n_ticks == 900


def test_seconds_follow_the_tempos_of_all_tracks() -> None:
    slow, fast = (mido.MetaMessage("set_tempo", tempo=tempo) for tempo in (1_000_000, 250_000))
    midi = parse_midi(_file_bytes([[(480, slow), (480, slow)], [(960, fast)]]))
    # A beat at 120 bpm, one of a second; from then on a quarter of it: the later track has it.
    ticks = np.array([[0, 240, 480], [720, 960, 1440]])
    expected = pytest.approx(np.array([[0, 0.25, 0.5], [1.0, 1.5, 1.75]]))
    assert midi.seconds(ticks) == expected
    # The order of tracks is none of time.
    assert parse_midi(_file_bytes([[(960, fast)], [(480, slow)]])).seconds(ticks) == expected


def test_notes_are_selected_together() -> None:
    notes = [SmfNote(0, 10, 60, 1), SmfNote(10, 20, 62, 2), SmfNote(20, 30, 64, 3)]
    chosen = parse_midi(smf_bytes([notes])).notes[1:]
    assert len(chosen) == 2
    assert chosen.pitch.tolist() == [62, 64]
    assert chosen.velocity.tolist() == [2, 3]


def _smf(track: bytes, *, header: bytes = b"\0\0\0\1\1\xe0", length: int | None = None) -> bytes:
    size = (len(track) if length is None else length).to_bytes(4, "big")
    return b"MThd\0\0\0\6" + header + b"MTrk" + size + track


END = b"\0\xff\x2f\0"
NOTE = b"\0\x90\x3c\x40\x60\x80\x3c\0"


def test_running_status_goes_on_behind_meta_events() -> None:
    text = b"\0\xff\x01\x02hi"
    midi = parse_midi(_smf(b"\0\x90\x3c\x40" + text + b"\x60\x3c\0" + END))
    assert _note_rows(midi) == [(0, 96, 60, 64, 0, 0, True)]


def test_what_follows_the_end_of_a_track_is_ignored() -> None:
    assert len(parse_midi(_smf(NOTE + END + b"\xff\xff\xff")).notes) == 1
    assert len(parse_midi(_smf(NOTE + END) + b"\0\0padding").notes) == 1


def test_a_track_may_lack_its_end() -> None:
    assert len(parse_midi(_smf(NOTE)).notes) == 1


def test_chunks_of_other_kinds_are_skipped() -> None:
    plain = _smf(NOTE + END)
    alien = b"XFIH\0\0\0\3abc"
    assert _note_rows(parse_midi(plain[:14] + alien + plain[14:])) == _note_rows(parse_midi(plain))


def test_a_header_may_be_longer() -> None:
    plain = _smf(NOTE + END)
    longer = plain[:7] + b"\x09" + plain[8:14] + b"abc" + plain[14:]
    assert _note_rows(parse_midi(longer)) == _note_rows(parse_midi(plain))


def test_tracks_beyond_the_declared_number_are_not_read() -> None:
    plain = _smf(NOTE + END)
    assert len(parse_midi(plain + plain[14:]).notes) == 1


def test_a_file_without_tracks_has_no_notes() -> None:
    midi = parse_midi(b"MThd\0\0\0\6\0\0\0\0\1\xe0")
    assert len(midi.notes) == 0
    assert midi.n_ticks == 0


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "does not begin with MThd"),
        (b"RIFF" + bytes(20), "does not begin with MThd"),
        (b"MThd\0\0\0\6\0\0", "header is cut off"),
        (_smf(NOTE, header=b"\0\2\0\1\1\xe0"), "format is 2"),
        (_smf(NOTE, header=b"\0\0\0\1\xe7\x28"), "SMPTE"),
        (_smf(NOTE, header=b"\0\0\0\1\0\0"), "0 ticks per beat"),
        (_smf(NOTE, header=b"\0\1\0\2\1\xe0"), "2 tracks declared, 1 found"),
        (_smf(NOTE, length=2**32 - 1), "track is cut off"),
        (_smf(NOTE[:-1]), "event is cut off"),
        (_smf(b"\0"), "event is cut off"),
        (_smf(b"\0\x3c\x40"), "without a status byte"),
        (_smf(b"\0\x90\x3c\x80"), "above 127"),
        (_smf(b"\0\x90\xbc\x40"), "above 127"),
        (_smf(b"\0\xf4\0"), "status byte 0xF4"),
        (_smf(b"\xff\xff\xff\xff\x00\x90\x3c\x40"), "longer than four bytes"),
        (_smf(b"\0\xf0\xff\xff\xff\x7f\0"), "event is cut off"),
    ],
)
def test_unreadable_files_are_refused_in_one_line(data: bytes, reason: str) -> None:
    with pytest.raises(MidiError, match=rf"^song\.mid: not a readable MIDI file: .*{reason}") as e:
        parse_midi(data, name="song.mid")
    assert "\n" not in str(e.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MidiError, match=r"none\.mid: cannot be read: No such file"):
        read_midi(tmp_path / "none.mid")


def test_a_file_is_read_from_disk(tmp_path: Path) -> None:
    path = tmp_path / "song.mid"
    path.write_bytes(_smf(NOTE + END))
    assert len(read_midi(path).notes) == 1


def _is_midi_or_one_line(data: bytes) -> None:
    refusal = "song.mid: "
    try:
        notes = parse_midi(data, name="song.mid").notes
    except MidiError as error:
        refusal = str(error)
    else:
        assert np.all(notes.end >= notes.onset)
        assert np.all((notes.velocity > 0) & (notes.velocity < 128) & (notes.pitch < 128))
    assert refusal.startswith("song.mid: ")
    assert "\n" not in refusal


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_a_track_or_an_error(track: bytes) -> None:
    _is_midi_or_one_line(track)
    _is_midi_or_one_line(_smf(track))


@settings(deadline=None)
@given(TRACKS, st.data())
def test_mutated_files_are_read_or_refused(
    tracks: list[list[tuple[int, mido.Message]]], chooser: st.DataObject
) -> None:
    data = bytearray(_file_bytes(tracks))
    for _ in range(chooser.draw(st.integers(1, 4))):
        at = chooser.draw(st.integers(0, len(data) - 1))
        cut = chooser.draw(st.integers(0, 4))
        data[at : at + cut] = chooser.draw(st.binary(max_size=4))
    _is_midi_or_one_line(bytes(data))


def test_long_files_and_late_ticks_are_read() -> None:
    note = b"\xff\xff\xff\x7f\x90\x3c\x40\x01\x80\x3c\x00"
    n = 100_000
    midi = parse_midi(_smf(note * n + END))
    assert len(midi.notes) == n
    assert midi.n_ticks == n * 2**28


def test_memory_follows_the_file_not_its_claims() -> None:
    claims = [
        _smf(NOTE, length=2**32 - 1),
        _smf(b"\0\xff\x01\xff\xff\xff\x7fabc"),
        _smf(NOTE, header=b"\0\1\xff\xff\1\xe0"),
        _smf(b"\xff\xff\xff\x7f\x90\x3c\x40"),
    ]
    tracemalloc.start()
    for data in claims:
        _is_midi_or_one_line(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20
