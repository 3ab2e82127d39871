"""jSymbolic 2.2's 244 features of a MIDI file, 1,495 values, in NumPy.

Source: C. McKay, J. Cumming, I. Fujinaga, "jSymbolic 2.2: Extracting Features from Symbolic Music
for use in Musicological and MIR Research", ISMIR 2018. Each module holds the features of one
letter of that program's codes (P-1 ... D-4); `catalogue` puts them into the program's columns.
"""
