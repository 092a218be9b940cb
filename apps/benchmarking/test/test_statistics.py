"""Marks and ranks equal those that are computed in another way, and no mark is one figure's alone."""

import random
import statistics
import unittest
from fractions import Fraction

from benchmarking.statistics import band, marks, rank


class Statistics(unittest.TestCase):
    def test_five_figures(self) -> None:
        found = marks([50, 10, 40, 20, 30], 1)
        self.assertEqual((found.lower, found.median, found.upper), (20, 30, 40))
        found = marks([1, 2, 3, 4, 105], 1)
        self.assertEqual((found.lower, found.median, found.upper), (2, 3, 37))

    def test_marks_are_multiples_of_the_step_next_to_the_exact_mean(self) -> None:
        seeded = random.Random(2)
        for _ in range(2000):
            step = seeded.randint(1, 50)
            figures = [seeded.randint(-1000, 1000) for _ in range(seeded.randint(5, 40))]
            ranked, last = sorted(figures), len(figures) - 1
            found = marks(figures, step)
            middle = 3 if len(figures) % 2 else 4
            edge = (len(figures) - middle) // 2
            median = Fraction(sum(ranked[edge : edge + middle]), middle)
            nearest = min(range(len(ranked)), key=lambda at: (abs(Fraction(last, 4) - at), -at))
            lower = Fraction(sum(ranked[nearest - 1 : nearest + 2]), 3)
            upper = Fraction(sum(ranked[last - nearest - 1 : last - nearest + 2]), 3)
            for mark, exact in [(found.lower, lower), (found.median, median), (found.upper, upper)]:
                self.assertEqual(mark % step, 0)
                self.assertLessEqual(abs(mark - exact), Fraction(step, 2))

    def test_marks_are_near_the_usual_quartiles_of_many_figures(self) -> None:
        seeded = random.Random(3)
        figures = [round(seeded.gauss(10_000, 1_000)) for _ in range(1000)]
        lower, median, upper = statistics.quantiles(figures, n=4, method="inclusive")
        found = marks(figures, 1)
        self.assertLess(abs(found.lower - lower), 20)
        self.assertLess(abs(found.median - median), 20)
        self.assertLess(abs(found.upper - upper), 20)

    def test_marks_keep_their_order_and_do_not_depend_on_that_of_the_figures(self) -> None:
        seeded = random.Random(4)
        for _ in range(500):
            figures = [seeded.randint(0, 100) for _ in range(seeded.randint(5, 30))]
            found = marks(figures, 7)
            self.assertLessEqual(found.lower, found.median)
            self.assertLessEqual(found.median, found.upper)
            seeded.shuffle(figures)
            self.assertEqual(marks(figures, 7), found)

    def test_no_single_figure_moves_a_mark_by_more_than_a_third_of_its_own_move(self) -> None:
        figures = [10, 20, 30, 40, 50, 60, 70]
        before = marks(figures, 1)
        for at in range(len(figures)):
            moved = figures.copy()
            moved[at] += 9
            after = marks(moved, 1)
            for name in ("lower", "median", "upper"):
                self.assertLessEqual(abs(getattr(after, name) - getattr(before, name)), 3)

    def test_from_nine_on_two_marks_share_one_figure_at_most_and_from_thirteen_on_none(self) -> None:
        for count in range(5, 60):
            figures = [1000 * at for at in range(count)]
            before = marks(figures, 1)
            shared = 0
            for at in range(count):
                after = marks([*figures[:at], figures[at] + 12, *figures[at + 1 :]], 1)
                moved = [after.lower != before.lower, after.median != before.median, after.upper != before.upper]
                shared += moved[0] and moved[1]
            self.assertLessEqual(shared, 2 if count < 9 else 1 if count < 13 else 0, count)

    def test_fewer_than_five_are_refused(self) -> None:
        with self.assertRaises(ValueError):
            marks([1, 2, 3, 4], 1)

    def test_equal_figures_share_the_better_rank(self) -> None:
        figures = [5, 9, 7, 7, 1]
        self.assertEqual([rank(figures, own, True) for own in (9, 7, 5, 1)], [1, 2, 4, 5])
        self.assertEqual([rank(figures, own, False) for own in (1, 5, 7, 9)], [1, 2, 3, 5])

    def test_bands_are_quarters(self) -> None:
        self.assertEqual([band(place, 8) for place in range(1, 9)], [1, 1, 2, 2, 3, 3, 4, 4])
        self.assertEqual([band(place, 5) for place in range(1, 6)], [1, 1, 2, 3, 4])


if __name__ == "__main__":
    unittest.main()
