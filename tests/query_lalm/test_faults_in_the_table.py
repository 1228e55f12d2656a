"""What a model that writes nonsense leaves in the table, from each kind of teacher: the raw answer and why it is none.

One clip, and a draw for each fault: the first request gets the first fault, and so on.
"""

import re

import pytest

from tests.query_lalm.asking import TEACHERS, place_with, serving

# fault → the table's status, its reason, and how the raw answer reads
SPOILT = {
    "negative": ("unparsable", r"'angry' is -0\.5, expected a probability", r'\{"angry": -0\.5, .*\}'),
    "nan": ("unparsable", r"'angry' is nan, expected a probability", r'\{"angry": NaN, .*\}'),
    "sum7": ("unparsable", r"the probabilities sum to (7|6\.99|7\.01), expected 1", r"\{.*\}"),
    "wrong_classes": ("unparsable", r"classes missing \['angry'\], unknown \['curious'\]", r'\{"curious": .*\}'),
    "synonyms": ("unparsable", r"classes missing .*, unknown \['Anger', 'Joyful', 'Sadness'\]", r'\{"Anger": .*\}'),
    "truncated_json": ("unparsable", r"the JSON breaks off, expected a whole object.*", r'\{"angry": [^}]*'),
    "unparsable": ("unparsable", r"no JSON object in the answer 'The speaker.*", r"The speaker sounds rather upset.*"),
    "max_tokens": ("unparsable", r"the answer is empty \(cut off at the limit of its output\)", r""),
    "prose": ("answered", None, r"(?s)Listening to the clip.*```json.*```.*"),
    "percent": ("answered", None, r'\{"angry": \d+, "happy": \d+, "neutral": \d+, "sad": \d+\}'),
    "label_case": ("answered", None, r'\{"ANGRY": .*"SAD": .*\}'),
}
REFUSED = {
    "gemini": "finish_reason SAFETY",
    "openai": "I'm sorry, but I can't help with that",
    "anthropic": "stop_reason refusal",
}
FAULTS = [*SPOILT, "safety", "version"]
DRAWS = len(FAULTS) + 1  # the last one is left alone


@pytest.fixture(scope="module", params=TEACHERS)
def spoilt(request, tmp_path_factory, write_tone):
    """A run whose draw k gets fault k: its kind, stats, table, requests, and the next run's requests."""
    place = place_with(tmp_path_factory.mktemp("spoilt"), write_tone, clips=1)
    teacher = TEACHERS[request.param](draws=DRAWS, concurrency=1)
    with serving(",".join(f"{fault}*1" for fault in FAULTS)) as server:
        stats = place.ask(teacher)
        requests = server.requests
        again = place.ask(teacher)
        return {"kind": request.param, "stats": stats, "requests": requests, "again": again, "table": place.table()}


def row_of(spoilt, fault):
    return spoilt["table"].row(FAULTS.index(fault), named=True)


@pytest.mark.parametrize("fault", SPOILT)
def test_a_spoilt_answer_has_its_status_its_reason_and_its_raw_text(spoilt, fault):
    status, reason, raw = SPOILT[fault]
    row = row_of(spoilt, fault)
    assert row["status"] == status
    assert re.fullmatch(raw, row["raw_answer"])
    assert row["reason"] is None if reason is None else re.fullmatch(reason, row["reason"])


@pytest.mark.parametrize("fault", SPOILT)
def test_only_what_can_be_read_has_probabilities_and_they_sum_to_one(spoilt, fault):
    row = row_of(spoilt, fault)
    probs = [row[f"p_{name}"] for name in ("angry", "happy", "neutral", "sad")]
    if SPOILT[fault][0] == "answered":
        assert sum(probs) == pytest.approx(1)
        assert min(probs) >= 0
    else:
        assert probs == [None] * 4


def test_a_refusal_is_told_in_the_words_of_its_provider(spoilt):
    row = row_of(spoilt, "safety")
    assert (row["status"], row["reason"], row["raw_answer"]) == ("refused", REFUSED[spoilt["kind"]], "")


def test_a_model_version_that_changes_in_the_middle_is_told_by_rows_and_by_the_run(spoilt):
    assert row_of(spoilt, "version")["model_version"] == "simulated-prosody-1-changed"
    assert spoilt["table"]["model_version"].unique().len() == 2
    assert spoilt["stats"]["model_versions"] == "simulated-prosody-1, simulated-prosody-1-changed"


def test_every_spoilt_answer_was_asked_once_and_is_not_asked_again(spoilt):
    assert (spoilt["requests"], spoilt["again"]["calls"]) == (DRAWS, 0)


def test_every_spoilt_answer_was_paid(spoilt):
    assert spoilt["table"]["cost_usd"].min() > 0
    assert spoilt["stats"]["paid_usd"] == pytest.approx(spoilt["table"]["cost_usd"].sum(), abs=1e-6)


def test_the_run_counts_them_by_status(spoilt):
    stats = spoilt["stats"]
    counts = [stats[name] for name in ("answered", "refused", "unparsable", "failed")]
    assert counts == [5, 1, 8, 0]


def test_the_table_says_whether_the_teacher_heard_the_clip(spoilt):
    heard = "text proxy" if spoilt["kind"] == "anthropic" else "audio"
    assert set(spoilt["table"]["heard"]) == {heard}


@pytest.mark.parametrize("kind", TEACHERS)
def test_another_name_for_a_class_is_read_where_it_is_declared(one_clip, serve, kind):
    serve("synonyms")
    words = {"anger": "angry", "joyful": "happy", "sadness": "sad"}
    assert one_clip.ask(TEACHERS[kind](synonyms=words))["answered"] == 2


@pytest.mark.parametrize("kind", TEACHERS)
def test_where_a_label_is_asked_for_a_number_in_its_place_is_unparsable(one_clip, serve, kind):
    serve("negative*1,label_case*1")
    one_clip.ask(TEACHERS[kind](answer="label", concurrency=1))
    rows = one_clip.table().select("status", "raw_answer").rows()
    assert rows[0] == ("unparsable", '{"label": -0.5}')
    assert rows[1][0] == "answered"
