"""Figures are read strictly and shown exactly."""

import random
import unittest

from benchmarking.figures import parse_figure, show_figure
from benchmarking.problem import Problem


class Figures(unittest.TestCase):
    def test_a_figure_is_kept_in_units_of_its_last_place(self) -> None:
        for value, decimals, figure in [
            (12, 0, 12),
            (12, 2, 1200),
            ("12.5", 2, 1250),
            ("-0.05", 2, -5),
            ("0", 6, 0),
            ("999999999999.999999", 6, 999999999999999999),
        ]:
            with self.subTest(value=value, decimals=decimals):
                self.assertEqual(parse_figure(value, decimals, "figure"), figure)

    def test_what_is_shown_is_read_as_the_same_figure(self) -> None:
        seeded = random.Random(1)
        for _ in range(2000):
            decimals = seeded.randint(0, 6)
            figure = seeded.randint(-(10 ** seeded.randint(0, 15)), 10 ** seeded.randint(0, 15))
            if abs(figure) < 10 ** (12 + decimals):
                self.assertEqual(parse_figure(show_figure(figure, decimals), decimals, "figure"), figure)

    def test_anything_else_is_refused(self) -> None:
        for value in [
            True, None, 1.5, [], {}, "", " 1", "1 ", "+1", "01", ".5", "5.", "1e3", "1,5", "NaN", "Infinity", "٣",
            "1.234", 10**12, -(10**12), "1" * 13, "--1", "1_000", "0x10", "1\n",
        ]:
            with self.subTest(value=value), self.assertRaises(Problem):
                parse_figure(value, 2, "figure")


if __name__ == "__main__":
    unittest.main()
