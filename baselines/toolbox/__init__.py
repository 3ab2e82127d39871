"""The analyses of MIDI Toolbox 1.1 that make sense on a list of notes, in NumPy.

`melody` turns a file into notes and finds the melody in polyphony; the other modules hold the
analyses under the Toolbox's own names, grouped by what they look at. They need at least one note.
`baselines.panda` puts them into one row of named values.

Written from the Toolbox's manual and function headers and the papers cited there; where its code
does something else than it says, the docstring says which of the two is followed.
"""
