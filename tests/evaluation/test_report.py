"""The report: self-contained, repeatable, honest about what it cannot know, and unbroken by odd data."""

import dataclasses
import re
from collections.abc import Callable
from html.parser import HTMLParser

import polars as pl
import pytest

from tasks.evaluation.headline import headline
from tasks.evaluation.report import ReportData, render_report

Make = Callable[..., ReportData]
SEVEN = ["anger", "contempt", "disgust", "fear", "joy", "neutral", "sadness"]
VOID = {"meta", "br", "path", "use", "rect", "image"}


class Balance(HTMLParser):
    """Which tags are open at the end, and which closed without having been opened."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def text_of(page: str) -> str:
    """The page's words without markup, spaces as one."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_the_report_begins_with_the_headline(make_data: Make) -> None:
    data = make_data(n=200)
    assert headline(data.metrics or {}) in render_report(data)


def test_the_same_data_give_the_same_bytes(make_data: Make) -> None:
    assert render_report(make_data(n=50)) == render_report(make_data(n=50))


def test_the_report_needs_no_network_and_no_script(make_data: Make) -> None:
    page = render_report(make_data(n=50))
    assert not re.search(r"https?:|//[a-z]|<script|<link|@import|url\((?!#)", page)


def test_every_tag_is_closed(make_data: Make) -> None:
    balance = Balance(render_report(make_data(n=50)))
    assert (balance.open, balance.wrong) == ([], [])


def test_the_report_warns_that_gold_was_used_only_to_evaluate(make_data: Make) -> None:
    assert "Gold labels were used for this evaluation only" in render_report(make_data(n=50))


def test_without_gold_there_are_no_metrics_and_a_sentence_says_why(make_data: Make) -> None:
    page = render_report(make_data(n=50, has_gold=False))
    assert "There are no gold labels for these clips" in page
    assert "macro F1" not in page
    assert "Confusion matrix" not in page


def test_the_oracle_is_never_marked_as_best(make_data: Make) -> None:
    page = render_report(make_data(n=200))
    (row,) = re.findall(r'<tr class="oracle">.*?</tr>', page, flags=re.DOTALL)
    assert 'class="best"' not in row


def test_what_users_write_is_escaped(make_data: Make) -> None:
    data = make_data(n=50, prefix="<img src=x onerror=alert(1)>", reasons=["<b>bad</b>"], classes=["<i>a</i>", "b"])
    page = render_report(dataclasses.replace(data, pipeline="</title><script>", settings={"key": "</pre><script>"}))
    assert not re.search(r"<img|<b>|<i>|<script", page)


def test_the_20_clips_with_the_smallest_margin_are_listed_in_order(make_data: Make) -> None:
    data = make_data(n=100)
    page = render_report(data)
    expected = data.pseudo_labels.sort("margin").head(20)["clip_id"].to_list()
    assert re.findall(r"calls/2026-\d{6}", page) == expected


def test_quarantined_clips_are_listed_with_their_reasons(make_data: Make) -> None:
    text = text_of(render_report(make_data(n=50, quarantined=2)))
    assert "calls/2026-bad-0 calls/2026-bad-0.wav silent: −92 dBFS" in text


def test_many_quarantined_clips_are_counted_by_reason_and_only_some_are_listed(make_data: Make) -> None:
    text = text_of(render_report(make_data(n=50, quarantined=300)))
    assert "100 clips: shorter than 0.3 s" in text
    assert "The first 100 are shown; clips.parquet holds all." in text


def test_clips_with_an_unknown_mi_are_counted_with_the_reason(make_data: Make) -> None:
    text = text_of(render_report(make_data(n=400)))
    assert re.search(r"\d+ clips: fewer than 2 valid lalm draws: fused from the classifier alone", text)


@pytest.mark.parametrize(
    "odd",
    [
        {"quarantined": 0},
        {"has_curves": False},
        {"has_gold": False, "has_curves": False, "quarantined": 0},
        {"classes": ["sad"]},
        {"classes": SEVEN, "teachers": ("lalm", "classifier", "gpt")},
        {"teachers": ("lalm",)},
        {"n": 1, "quarantined": 5000},
    ],
    ids=str,
)
def test_odd_data_make_a_whole_report(make_data: Make, odd: dict[str, object]) -> None:
    assert render_report(make_data(**({"n": 60} | odd))).rstrip().endswith("</html>")


def test_a_clip_left_out_of_fusion_breaks_nothing(make_data: Make) -> None:
    data = make_data(n=60)
    fused = ["label", "confidence", "margin", "lalm_weight", "classifier_weight"]
    is_first = pl.int_range(pl.len()) == 0
    left_out = data.pseudo_labels.with_columns(pl.when(~is_first).then(pl.col(name)).alias(name) for name in fused)
    assert "</html>" in render_report(dataclasses.replace(data, pseudo_labels=left_out))


@pytest.mark.slow
def test_a_report_on_100000_clips_is_smaller_than_a_megabyte(make_data: Make) -> None:
    assert len(render_report(make_data(n=100_000, quarantined=20_000)).encode()) < 1_000_000


def test_ua_over_the_steps_is_shown_where_there_is_gold(make_data: Make) -> None:
    course = pl.DataFrame({"step": [0, 75], "ua": [0.4, 0.5]})
    assert "UA, for reading only" in render_report(dataclasses.replace(make_data(n=50), ua_over_steps=course))
    assert "UA, for reading only" not in render_report(make_data(n=50))


def test_warnings_of_the_training_are_shown_as_text(make_data: Make) -> None:
    page = render_report(dataclasses.replace(make_data(n=50), warnings=["class collapse: <b>sad</b>"]))
    assert "class collapse: &lt;b&gt;sad&lt;/b&gt;" in page
