"""The analyses against values worked out by hand, printed in the papers, or true of all music."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.panda import COLUMNS, PANDA_EXTRA, panda_extra
from baselines.toolbox import distributions, expectancy, rhythm, shape, tonality
from baselines.toolbox.melody import Notes, notes_of, skyline
from bench.datasets.smf import SmfNote, smf_bytes
from bench.midi import Midi, parse_midi

BEAT = 480
C_MAJOR = tonality.Key(0, minor=False)


def midi(*notes: SmfNote, microseconds_per_beat: int = 500_000) -> Midi:
    data = smf_bytes([notes], ticks_per_beat=BEAT, microseconds_per_beat=microseconds_per_beat)
    return parse_midi(data)


def tune(*pitches: int, beats: float = 1.0) -> Notes:
    onset = np.arange(len(pitches)) * beats
    return Notes(onset, onset + beats, onset / 2, (onset + beats) / 2, np.array(pitches))


def note(onset: float, end: float, pitch: int) -> SmfNote:
    return SmfNote(round(onset * BEAT), round(end * BEAT), pitch, 64)


class TestMelody:
    def test_is_the_top_of_chords_and_leaves_out_what_sounds_below(self) -> None:
        notes = notes_of(midi(note(0, 4, 48), note(0, 1, 72), note(1, 3, 76), note(2, 3, 60)))
        assert skyline(notes).pitch.tolist() == [72, 76]

    def test_reaches_down_when_nothing_higher_sounds(self) -> None:
        notes = notes_of(midi(note(0, 1, 72), note(2, 3, 48)))
        assert skyline(notes).pitch.tolist() == [72, 48]

    def test_forgives_a_ragged_chord_and_legato(self) -> None:
        ragged = notes_of(midi(note(0, 1, 48), note(0.05, 1, 72)))
        legato = notes_of(midi(note(0, 1.05, 72), note(1, 2, 71)))
        assert skyline(ragged).pitch.tolist() == [72]
        assert skyline(legato).pitch.tolist() == [72, 71]

    def test_cuts_notes_where_the_next_begins(self) -> None:
        melody = skyline(notes_of(midi(note(0, 3, 60), note(1, 2, 72))))
        assert melody.end.tolist() == [1, 2]

    def test_seconds_follow_the_tempo(self) -> None:
        notes = notes_of(midi(note(1, 3, 60), microseconds_per_beat=1_500_000))
        assert notes.onset_seconds.tolist() == [1.5]
        assert notes.seconds.tolist() == [3.0]

    def test_has_no_notes_that_last_no_time(self) -> None:
        assert not len(notes_of(midi(note(1, 3, 60), microseconds_per_beat=0)))
        # Of two notes that begin at one second, the melody has the later.
        beats, seconds = np.array([0.0, 1.0]), np.array([2.0, 2.0])
        notes = Notes(beats, beats + 2, seconds, seconds + 1, np.array([60, 62]))
        assert skyline(notes).pitch.tolist() == [62]
        assert rhythm.notedensity(notes) == (1, 0)


class TestDistributions:
    def test_durational_accent_saturates(self) -> None:
        # Parncutt 1994: (1 - exp(-d / 0.5)) ** 2
        accents = distributions.duraccent(np.array([0.0, 0.5, 100.0]))
        assert np.allclose(accents, [0, 0.39957640089, 1])

    def test_entropy_is_relative_to_uniform(self) -> None:
        assert distributions.entropy(np.full(8, 0.125)) == pytest.approx(1)
        assert distributions.entropy(np.eye(8)[3]) == 0
        assert distributions.entropy(np.zeros(8)) == 0
        assert distributions.entropy(np.array([0.5, 0.5, 0, 0])) == pytest.approx(0.5)

    def test_intervals_are_counted_by_size_and_direction(self) -> None:
        melody = tune(60, 62, 60, 60, 64, 90)  # +2 -2 0 +4, and one beyond the octave
        intervals = distributions.ivdist1(melody)
        assert {i - 12: share for i, share in enumerate(intervals) if share} == pytest.approx(
            {-2: 0.25, 0: 0.25, 2: 0.25, 4: 0.25}
        )
        assert distributions.ivsizedist1(melody)[[0, 2, 4]] == pytest.approx([0.25, 0.5, 0.25])
        assert distributions.ivdirdist1(melody)[[1, 3]] == pytest.approx([0, 1])

    def test_durations_fall_into_half_octaves_around_the_beat(self) -> None:
        notes = Notes(
            np.zeros(4), np.array([1, 1, 0.25, 64]), np.zeros(4), np.ones(4), np.arange(4)
        )
        assert distributions.durdist1(notes) == pytest.approx([1 / 3, 0, 0, 0, 2 / 3, 0, 0, 0, 0])


class TestTonality:
    def test_a_profile_correlates_with_itself(self) -> None:
        # pcdist1 weights by accent; notes all of one length make it a plain count.
        counts = np.round(tonality.PROFILES[1] * 100).astype(int)
        pitches = np.repeat(np.arange(12) + 62, counts)
        correlations = tonality.kkcc(tune(*pitches.tolist()))
        assert correlations[12 + 2] == pytest.approx(1)
        assert tonality.kkkey(correlations) == tonality.Key(2, minor=True)

    @given(st.lists(st.integers(36, 84), min_size=2, max_size=20), st.integers(-12, 12))
    def test_transposing_turns_the_keys(self, pitches: list[int], steps: int) -> None:
        before = tonality.kkcc(tune(*pitches)).reshape(2, 12)
        after = tonality.kkcc(tune(*(p + steps for p in pitches))).reshape(2, 12)
        assert np.allclose(np.roll(before, steps, axis=1), after)


class TestExpectancy:
    def test_melodic_accent_of_thomassens_example(self) -> None:
        # Up, up, down: the windows give (.33, .67) and (.83, .17).
        assert expectancy.melaccent(tune(60, 62, 64, 62)) == pytest.approx(
            [1, 0.33, 0.67 * 0.83, 0.17]
        )

    def test_a_window_that_says_nothing_of_a_note_leaves_its_accent(self) -> None:
        # Up, level, level: the windows give (1, 0) and (.00001, 0).
        assert expectancy.melaccent(tune(60, 62, 62, 62)) == pytest.approx([1, 1, 0.00001, 0])

    def test_euler_finds_octaves_and_fifths_sweet_and_tritones_not(self) -> None:
        # Degrees of suavity of 1:1, 3:2 and 45:32 (Euler 1739): 1, 4 and 14.
        assert expectancy.gradus(tune(60, 60)) == 1
        assert expectancy.gradus(tune(60, 67)) == 4
        assert expectancy.gradus(tune(60, 66)) == 14

    def test_originality_is_ten_where_nothing_is_common(self) -> None:
        rare = expectancy.compltrans(tune(61, 66, 61), C_MAJOR)
        common = expectancy.compltrans(tune(67, 67, 67), C_MAJOR)
        assert rare == pytest.approx(0.0530 * 188.68)
        assert common == pytest.approx((0.0530 - 0.067) * 188.68)

    def test_a_leap_that_turns_back_fulfils_what_it_implies(self) -> None:
        values = expectancy.narmour(tune(60, 72, 71))
        assert {name: v[2] for name, v in values.items()} == pytest.approx(
            {"rd": 1, "rr": 0, "id": 1, "cl": 2, "pr": 1, "co": 1}
        )
        assert expectancy.narmour(tune(60, 72, 74))["rd"][2] == -1
        assert expectancy.narmour(tune(72, 60, 59))["rd"][2] == -1  # downwards too

    @pytest.mark.parametrize(("last", "similar"), [(65, 1), (66, 0), (56, 1), (55, 0)])
    def test_after_a_small_interval_a_similar_one_is_implied(self, last: int, similar: int) -> None:
        # After two semitones, three more or less are similar, and two where the melody turns.
        assert expectancy.narmour(tune(58, 60, last))["id"][2] == similar

    def test_the_leading_tone_is_drawn_to_the_tonic(self) -> None:
        # 4 / 2 gained over one semitone; the way up to d (2 steps below strength 3) not taken.
        to_tonic = expectancy.melattraction(tune(71, 72), C_MAJOR)
        away = expectancy.melattraction(tune(71, 70), C_MAJOR)
        assert to_tonic[1] > 0.4
        assert away[1] == 0

    def test_tessitura_counts_standard_deviations_from_the_median(self) -> None:
        values = expectancy.tessitura(tune(60, 64, 62, 70))
        assert values[:2] == pytest.approx([0, 0])
        assert values[2] == pytest.approx(0)
        assert values[3] == pytest.approx((70 - 62) / 2)

    def test_tessitura_of_a_long_melody_as_computed_anew_for_each_note(self) -> None:
        pitches = np.random.default_rng(1).integers(0, 128, 5000)
        values = expectancy.tessitura(tune(*pitches.tolist()))
        for i in (2, 3, 4095, 4096, 4097, 4999):
            before = pitches[:i]
            expected = abs(pitches[i] - np.median(before)) / before.std(ddof=1)
            assert values[i] == pytest.approx(expected)

    def test_mobility_as_correlations_computed_anew_for_each_note(self) -> None:
        pitches = [60, 67, 62, 71, 64, 72, 59, 65]
        heights = [p - np.mean(pitches[: i + 1]) for i, p in enumerate(pitches)]
        expected = [0.0, 0.0, 0.0]
        for k in range(3, len(pitches)):
            known = heights[: k - 1]
            r = np.corrcoef([0, *known], [*known, known[-1]])[0, 1]
            expected.append(abs(r * (pitches[k] - np.mean(pitches[:k]))))
        assert expectancy.mobility(tune(*pitches)) == pytest.approx(expected)


class TestRhythm:
    def test_tempo_and_density(self) -> None:
        notes = notes_of(
            midi(*(note(i, i + 1, 60 + i) for i in range(5)), microseconds_per_beat=10**6)
        )
        assert rhythm.gettempo(notes) == pytest.approx(60)
        assert rhythm.notedensity(notes) == pytest.approx((1, 1))

    def test_npvi_of_even_and_of_dotted_rhythm(self) -> None:
        assert rhythm.npvi(tune(60, 62, 64)) == 0
        onset, end = np.array([0, 0.75, 1.0]), np.array([0.75, 1.0, 1.75])
        dotted = Notes(onset, end, onset, end, np.array([60, 60, 60]))
        assert rhythm.npvi(dotted) == pytest.approx(100 * (0.5 / 0.5))

    def test_concurrent_onsets(self) -> None:
        notes = notes_of(midi(note(0, 1, 60), note(0.1, 1, 64), note(2, 3, 60), note(3, 4, 60)))
        assert rhythm.concur(notes) == 0.5

    @pytest.mark.parametrize("upbeat", [0, 1])
    @pytest.mark.parametrize("beats", [2, 3])
    def test_metre_and_its_strongest_beat(self, beats: int, upbeat: int) -> None:
        # A long note at the head of each measure, short ones on its other beats.
        onset = np.arange(24, dtype=np.float64)
        end = onset + np.where(np.arange(24) % beats == upbeat, 0.9, 0.2)
        melody = Notes(onset, end, onset, end, np.full(24, 60))
        assert rhythm.meter(melody) == beats
        strength = rhythm.metrichierarchy(melody)
        assert strength[upbeat::beats].tolist() == [5] * (24 // beats)
        assert set(np.delete(strength, np.arange(upbeat, 24, beats))) == {4}

    def test_autocorrelation_peaks_at_the_period(self) -> None:
        peaks = rhythm.onsetacorr(tune(*[60] * 32, beats=2.0))
        assert peaks.argmax() == 7  # two beats: the eighth lag of a quarter beat
        assert np.count_nonzero(peaks > 1e-9) == 4

    def test_a_long_silence_changes_no_autocorrelation_however_long(self) -> None:
        def twice(silence: float) -> Notes:
            onset = np.array([0, 1, 2.5, 4])
            onset = np.concatenate([onset, onset + 4 + silence])
            return Notes(onset, onset + 1, onset / 2, onset / 2 + 0.5, np.full(8, 60))

        for silence in (2.0**20, 2.0**28, 2.0**40):
            assert rhythm.onsetacorr(twice(silence)) == pytest.approx(rhythm.onsetacorr(twice(9)))

    def test_onsets_within_the_measure(self) -> None:
        assert rhythm.onsetdist(tune(*[60] * 8, beats=2.0))[[0, 8]] == pytest.approx([0.5, 0.5])


class TestShape:
    def test_contour_is_sampled_evenly(self) -> None:
        assert shape.melcontour(tune(60, 62, 64, 66), points=4).tolist() == [-3, -1, 1, 3]

    @given(st.lists(st.integers(0, 127), min_size=2, max_size=30))
    def test_pairs_that_fall(self, pitches: list[int]) -> None:
        pairs = [(a, b) for i, a in enumerate(pitches) for b in pitches[i + 1 :]]
        assert shape.combcontour(tune(*pitches)) == pytest.approx(
            sum(a > b for a, b in pairs) / len(pairs)
        )

    def test_wandering_is_more_complex_than_staying(self) -> None:
        plain = shape.complebm(tune(*[60, 62] * 8), C_MAJOR)
        wild = shape.complebm(tune(60, 66, 61, 70, 58, 69, 63, 72, 57, 68, 62), C_MAJOR)
        assert wild["pitch"] > plain["pitch"]
        assert wild["optimal"] > plain["optimal"]


@st.composite
def _any_notes(draw: st.DrawFn) -> list[SmfNote]:
    time = st.integers(0, 8 * BEAT)
    return [
        SmfNote(onset, onset + draw(st.integers(1, 4 * BEAT)), draw(st.integers(0, 127)), 64)
        for onset in draw(st.lists(time, max_size=12))
    ]


class TestRow:
    @settings(max_examples=60, deadline=None)
    @given(_any_notes())
    def test_every_value_of_any_clip_is_finite(self, notes: list[SmfNote]) -> None:
        with np.errstate(all="raise"):
            row = panda_extra(midi(*notes))
        assert row.shape == (1, len(COLUMNS))
        assert np.isfinite(row).all()

    def test_is_zero_without_notes_and_without_pitched_notes(self) -> None:
        drum = SmfNote(0, BEAT, 38, 64, channel=9)
        assert not PANDA_EXTRA.compute(midi()).any()
        assert not PANDA_EXTRA.compute(midi(drum)).any()

    def test_names_are_unique_and_stand_over_their_values(self) -> None:
        assert len(set(COLUMNS)) == len(COLUMNS)
        row = dict(zip(COLUMNS, panda_extra(midi(note(0, 1, 60), note(1, 2, 67)))[0], strict=True))
        assert row["Toolbox_nnotes"] == 2
        assert row["Toolbox_ambitus"] == 7
        assert row["Toolbox_ivdist1_19"] == 1
        assert row["jMusic_Pitch_Variety"] == 1
