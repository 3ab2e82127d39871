import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.jmusic import phrase_features, phrase_of
from baselines.toolbox.melody import Notes
from baselines.toolbox.tonality import Key

C_MAJOR = Key(0, minor=False)


def melody(*elements: tuple[float, float, int]) -> Notes:
    onset, end, pitch = (np.array(column) for column in zip(*elements, strict=True))
    return Notes(onset.astype(float), end.astype(float), onset / 2, end / 2, pitch)


def even(*pitches: int) -> Notes:
    return melody(*((i, i + 1, pitch) for i, pitch in enumerate(pitches)))


def test_a_phrase_is_a_row_of_notes_and_rests() -> None:
    phrase = phrase_of(melody((0, 0.97, 60), (1.02, 1.5, 62), (2, 2.01, 64)))
    assert phrase.pitch.tolist() == [60, 62, -1, 64]
    assert phrase.quanta.tolist() == [4, 2, 2, 1]


def test_features_of_a_short_tune_by_hand() -> None:
    # C D E (rest) G F# C': a beat each, half a beat before the rest.
    tune = melody((0, 1, 60), (1, 2, 62), (2, 2.5, 64), (3, 4, 67), (4, 5, 66), (5, 6, 72))
    assert phrase_features(tune, C_MAJOR) == pytest.approx(
        {
            "Pitch_Variety": 1,
            "Pitch_Range": 12 / 24,
            "Key_Centeredness": (4 + 4 + 4 + 2) / 24,  # two Cs, G, and the rest
            "Tonal_Deviation": 4 / 24,  # F#
            "Dissonance": 1 / 5,  # F# to C
            "Overall_Pitch_Direction": 13 / 14,
            "Melodic_Direction_Stability": 2 / 5,
            "Pitch_Movement_By_Tonal_Step": 2 / 5,  # C D, D E; G F# leaves the scale
            "Leap_Compensation": 0,
            "Climax_Strength": 1,
            "Climax_Position": 20 / 24,
            "Climax_Tonality": 0,
            "Note_Density": 6 / 24,
            "Rest_Density": 2 / 24,
            "Rhythmic_Variety": 2 / 16,
            "Rhythmic_Range": 2 / 16,
            "Syncopation": 0,
            "Repeated_Pitch_Density": 0,
            "Repeated_Rhythmic_Value_Density": 3 / 5,
            "Repeated_Pitch_Patterns_Of_Three": 0,
            "Repeated_Pitch_Patterns_Of_Four": 0,
            "Repeated_Rhythm_Patterns_Of_Three": 0,
            "Repeated_Rhythm_Patterns_Of_Four": 0,
        }
    )


def test_a_big_leap_is_compensated_by_a_step_back() -> None:
    compensated = phrase_features(even(60, 70, 69, 79, 81), C_MAJOR)
    assert compensated["Leap_Compensation"] == 0.5  # one of the two leaps goes on upwards


def test_repeated_patterns() -> None:
    trill = phrase_features(even(*[60, 62] * 5), C_MAJOR)
    scale = phrase_features(even(60, 62, 64, 67, 66, 71, 65, 75), C_MAJOR)
    assert trill["Repeated_Pitch_Patterns_Of_Three"] == pytest.approx(5 / 6)
    assert trill["Repeated_Rhythm_Patterns_Of_Three"] == 1
    assert scale["Repeated_Pitch_Patterns_Of_Three"] == 0


def test_syncopated_notes_begin_off_the_beat_and_last_one() -> None:
    straight = phrase_features(even(60, 62, 64, 65), C_MAJOR)
    shifted = phrase_features(
        melody((0, 0.5, 60), (0.5, 1.5, 62), (1.5, 2.5, 64), (2.5, 3, 65), (3, 4, 60)), C_MAJOR
    )
    assert straight["Syncopation"] == 0
    assert shifted["Syncopation"] == pytest.approx(2 / 3)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 24), st.integers(0, 24), st.integers(0, 127)), min_size=1),
    st.integers(0, 11),
    st.booleans(),
)
def test_all_features_of_any_melody_lie_between_0_and_1(
    elements: list[tuple[int, int, int]], tonic: int, minor: bool
) -> None:
    at, rows = 0, []
    for length, rest, pitch in elements:
        rows.append((at / 12, (at + length) / 12, pitch))
        at += length + rest
    features = phrase_features(melody(*rows), Key(tonic, minor))
    assert len(features) == 23
    assert all(0 <= value <= 1 for value in features.values()), features
