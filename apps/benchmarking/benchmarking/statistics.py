"""What is released of a closed period: the own rank, and three marks of the distribution.

A quartile in the usual sense *is* one contributor's figure, or lies between two: of five figures, the lower quartile,
the median and the upper quartile are the second, third and fourth. So no quartile is released here. Instead each mark
is the mean of the three figures around it (of the four in the middle, for the median of an even number), rounded to a
step that the metric declares. README.md says what this still leaks when few contribute.
"""

from __future__ import annotations

from dataclasses import dataclass

# No metric can ask for fewer contributions than this.
PARTICIPANTS_MIN = 5


@dataclass(frozen=True)
class Marks:
    """Rounded marks of a distribution, in units of the last decimal place."""

    lower: int
    median: int
    upper: int


def marks(figures: list[int], step: int) -> Marks:
    """The marks of at least `PARTICIPANTS_MIN` figures, rounded to multiples of `step`."""
    if len(figures) < PARTICIPANTS_MIN:
        raise ValueError("too few figures")
    ranked = sorted(figures)
    last = len(ranked) - 1
    # The place next to the lower quartile's, of two the upper; the upper quartile's mirrors it.
    lower = (last + 2) // 4
    upper = last - lower
    return Marks(
        lower=_rounded_mean(ranked[lower - 1 : lower + 2], step),
        median=_rounded_mean(ranked[last // 2 - 1 : (last + 1) // 2 + 2], step),
        upper=_rounded_mean(ranked[upper - 1 : upper + 2], step),
    )


def _rounded_mean(figures: list[int], step: int) -> int:
    """The multiple of `step` next to the mean; of two that are as near, the greater."""
    total, parts = sum(figures), len(figures) * step
    return (2 * total + parts) // (2 * parts) * step


def rank(figures: list[int], own: int, higher_is_better: bool) -> int:
    """How many are better than `own`, and one. Equal figures share the better rank."""
    better = (figure > own if higher_is_better else figure < own for figure in figures)
    return 1 + sum(better)


def band(rank: int, participants: int) -> int:
    """Which quarter of the participants the rank is in: 1 is the best."""
    return 1 + 4 * (rank - 1) // participants
