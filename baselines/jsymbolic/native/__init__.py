"""jSymbolic 2.2's 244 features of a MIDI file, 1,495 values, in NumPy.

Source: C. McKay, J. Cumming, I. Fujinaga, "jSymbolic 2.2: Extracting Features from Symbolic Music
for use in Musicological and MIR Research", ISMIR 2018. The codes in the modules (P-1 ... D-4)
are that program's; `catalogue` puts the features of all modules into its columns.
"""
