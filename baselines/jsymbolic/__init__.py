"""jSymbolic 2.2's features of a MIDI file: computed here, or by the program itself in a JRE."""
