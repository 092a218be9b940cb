"""Answers the queries of this folder without the app: plain Python, the standard library alone, fractions exact.

    python3 plain.py breast_cancer.csv > expected.json

Reads `terms.json` and `queries.json` beside it. Prints, for each query, the cells that the clean room must release with
noise off.
"""

import csv
import json
import pathlib
import sys
from fractions import Fraction

HERE = pathlib.Path(__file__).parent
FEATURES = {"radius": 0, "texture": 1, "area": 3, "concavity": 6}


def patients(path):
    with open(path, newline="") as file:
        lines = list(csv.reader(file))
    names = lines[0][2:]
    for line in lines[1:]:
        patient = {name: Fraction(line[place]) for name, place in FEATURES.items()}
        patient["diagnosis"] = names[int(line[-1])]
        yield patient


def meets(patient, condition):
    cell = patient[condition["column"]]
    if "is" in condition:
        return cell in condition["is"]
    above = "from" not in condition or cell >= Fraction(condition["from"])
    return above and ("below" not in condition or cell < Fraction(condition["below"]))


def fixed(number, decimals):
    """With so many decimals, rounded half away from zero."""
    scaled = abs(number) * 10**decimals
    whole = int(scaled + Fraction(1, 2))
    digits = str(whole).rjust(decimals + 1, "0")
    text = digits[:-decimals] + "." + digits[-decimals:] if decimals else digits
    return "-" + text if number < 0 and whole else text


def bins(query, column):
    if query["compute"] not in ("histogram", "quantile"):
        return [({}, lambda cell: True)]
    if column["kind"] == "category":
        return [({"value": value}, lambda cell, value=value: cell == value) for value in column["values"]]
    scale = column.get("scale", 0)
    ends = [fixed(Fraction(column["min"]), scale), *query["cuts"], fixed(Fraction(column["max"]), scale)]
    made = []
    for least, end in zip(ends, ends[1:]):
        name = {"from": least, "to" if end is ends[-1] else "below": end}
        last = end is ends[-1]
        inside = lambda cell, least=least, end=end, last=last: Fraction(least) <= cell and (last or cell < Fraction(end))
        made.append((name, inside))
    return made


def hidden(counts, group_min):
    """Small cells, and more until they are no small group together."""
    out = {place for place, count in enumerate(counts) if count < group_min}
    while 0 < sum(counts[place] for place in out) < group_min:
        shown = [place for place in range(len(counts)) if place not in out]
        if not shown:
            break
        out.add(min(shown, key=lambda place: counts[place]))
    return out


def answer(query, terms, people):
    columns = {column["name"]: column for column in terms["columns"]}
    column = columns.get(query.get("column"))
    chosen = [one for one in people if all(meets(one, condition) for condition in query.get("where", []))]
    by = query.get("by")
    groups = [{"group": value} for value in columns[by]["values"]] if by else [{}]
    members = lambda group: [one for one in chosen if not by or one[by] == group["group"]]
    cells = []
    if query["compute"] == "quantile":
        outside = hidden([len(members(group)) for group in groups], terms["group_min"])
        for place, group in enumerate(groups):
            if place in outside:
                cells.append({**group, "suppressed": True})
                continue
            inside = sorted(one[query["column"]] for one in members(group))
            rank = -(-len(inside) * query["per_mille"] // 1000)
            names = [name for name, holds in bins(query, column) if holds(inside[rank - 1])]
            cells.append({**group, **names[0]})
        return cells
    parts = []
    for group in groups:
        for name, holds in bins(query, column):
            inside = [one for one in members(group) if column is None or holds(one[query["column"]])]
            parts.append(({**group, **name}, inside))
    outside = hidden([len(inside) for _, inside in parts], terms["group_min"])
    for place, (name, inside) in enumerate(parts):
        if place in outside:
            cells.append({**name, "suppressed": True})
            continue
        cell = {**name, "count": len(inside)}
        if query["compute"] in ("sum", "mean"):
            clamp = query.get("clamp", column)
            low, high = Fraction(clamp["min"]), Fraction(clamp["max"])
            total = sum(min(max(one[query["column"]], low), high) for one in inside)
            cell["sum"] = fixed(total, column.get("scale", 0))
            if query["compute"] == "mean":
                cell["mean"] = fixed(total / len(inside), column.get("scale", 0) + 4)
        cells.append(cell)
    return cells


def main():
    terms = json.loads((HERE / "terms.json").read_text())
    queries = json.loads((HERE / "queries.json").read_text())
    people = list(patients(sys.argv[1]))
    lines = [json.dumps(answer(query, terms, people)) for query in queries]
    print("[\n  " + ",\n  ".join(lines) + "\n]")


main()
