"""The report of a student that learnt from a cohort: who was in it, at most a screen of them."""

import dataclasses
import re
from collections.abc import Callable

import polars as pl

from tasks.evaluation.report import ReportData, render_report

Make = Callable[..., ReportData]


def cohort_of(count: int) -> pl.DataFrame:
    rows = [
        {"member": f"classifier: raw + text {m}: <raw>", "modalities": 2, "loss_alone": 0.9, "cluster": 0, "rho": 0.99}
        | {"loss": 0.5 + m / 100, "weight": 0.34 if m == 0 else 0.0}
        for m in range(count)
    ]
    return pl.DataFrame(rows)


def page_of(data: ReportData, count: int) -> str:
    return render_report(dataclasses.replace(data, cohort=cohort_of(count)))


def test_members_are_told_with_their_losses_and_weights(make_data: Make) -> None:
    page = page_of(make_data(n=50), 3)
    assert "ρ = 0.99" in page
    assert re.search(r"raw \+ text 0: &lt;raw&gt;</th>.*0\.900.*0\.500.*0\.34</td></tr>", page)


def test_of_many_members_the_best_twelve_are_told(make_data: Make) -> None:
    page = page_of(make_data(n=50), 40)
    assert "The best 12 of 40 members" in page
    assert page.count("classifier: raw + text") == 12
