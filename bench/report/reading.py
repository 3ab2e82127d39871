"""How to read the tables: the same sentences above every form of the board."""

from __future__ import annotations

from bench.report.published import published

_READING = """\
Accuracies are per cent, macro-F1 is a fraction. Both are mean ± sample standard deviation (ddof =
1) over seeds, as the paper's are, to judge by its digits. A deterministic method runs once.

Clips are scored, however many segments a method cuts them into.

The 95 % intervals resample songs, clips and, where there are several, seeds: that of a single seed
says nothing about others.

Methods that share a letter cannot be told apart at the 5 % level, or have no two seeds in common.
The test is a paired permutation test over songs, corrected for all pairs of the board (Holm):
methods whose intervals do not overlap may still share a letter, and the more methods a board has,
the fewer it tells apart.

A rank is 1 + the number of better methods that can be told apart from this one. A single seed of a
method that depends on it allows no test.

*Paper* repeats what {title} ({authors}, {year}, {url}) printed; *Δ* is measured minus printed.

Valence and arousal are how often the predicted quadrant lies on the right side of each axis.

Missing seeds are not in the mean. Seeds *beyond* are others than the suite asks for; they are in
the mean.

Cost is the CPU time of a run, training and test, on whatever machine it ran, mean over seeds. It
leaves out what an earlier run had kept in the cache, such as features and tokens.

Methods learn from the train clips, and may use the validation clips as they like: networks choose
their epoch by them, SVMs and tree ensembles learn from them too.
"""


def reading() -> list[str]:
    """A line for each matter. Words between two "*" are stressed."""
    paper = published().paper
    text = _READING.format(title=paper.title, authors=paper.authors, year=paper.year, url=paper.url)
    return [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]
