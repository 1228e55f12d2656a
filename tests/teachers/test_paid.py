"""What every paid teacher's settings promise: which of them decide an answer, and which values are refused."""

import pytest
from pydantic import ValidationError

from tasks.asking.limits import LimitSettings
from tasks.teachers.gemini import GeminiSettings
from tasks.teachers.paid import PaidTeacherSettings
from tasks.teachers.simulated import SimulatedSettings

CLASSES = ["angry", "sad"]
KINDS = [GeminiSettings, SimulatedSettings]


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("draws", 0, "greater than or equal to 1"),
        ("draws", 65, "less than or equal to 64"),
        ("draws", {"min": 1}, "greater than or equal to 2"),
        ("draws", {"min": 4, "max": 3}, "min must be at most max, got 4 and 3"),
        ("draws", {"stop": 0}, "greater than 0"),
        ("prompt", [], "at least 1 item"),
        ("answer", "votes", "'distribution' or 'label'"),
        ("max_cost_usd_per_month", 0, "greater than 0"),
        ("prompt", "emotion-v0", 'no prompt "emotion-v0"; known: .*emotion-v1'),
        ("min_answered", 1.01, "less than or equal to 1"),
        ("max_cost_usd", 0, "greater than 0"),
        ("drawz", 5, "Extra inputs are not permitted"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(setting: str, value: object, message: str):
    with pytest.raises(ValidationError, match=rf"{setting}.*\n.*{message}"):
        PaidTeacherSettings(**{setting: value})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "change",
    [{"min_answered": 0.5}, {"max_cost_usd": 3}, {"limits": LimitSettings(attempts=1, timeout_s=1, concurrency=2)}],
    ids=lambda change: next(iter(change)),
)
def test_how_patiently_and_how_dearly_one_asks_decides_no_answer(kind, change):
    """So a changed limit neither makes the stage stale nor asks for a paid answer again."""
    usual, changed = kind(), kind(**change)
    assert changed.fingerprint() == usual.fingerprint()
    assert changed.asked(CLASSES) == usual.asked(CLASSES)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", [{"temperature": 1.0}, {"seed": 7}], ids=lambda change: next(iter(change)))
def test_how_an_answer_is_sampled_decides_it(kind, change):
    usual, changed = kind(), kind(**change)
    assert changed.fingerprint() != usual.fingerprint()
    assert changed.asked(CLASSES) != usual.asked(CLASSES)


@pytest.mark.parametrize("kind", KINDS)
def test_more_draws_are_another_result_but_no_other_question(kind):
    """Raising the draws from 3 to 5 keeps the first three."""
    usual, more = kind(draws=3), kind(draws=5)
    assert more.fingerprint() != usual.fingerprint()
    assert more.asked(CLASSES) == usual.asked(CLASSES)


@pytest.mark.parametrize("kind", KINDS)
def test_other_classes_are_another_question(kind):
    assert kind().asked(CLASSES) != kind().asked(["angry", "happy"])


def test_another_model_is_another_question():
    assert GeminiSettings().asked(CLASSES) != GeminiSettings(model="gemini-2.5-pro").asked(CLASSES)


def test_the_free_teachers_answers_are_never_taken_for_the_paid_ones():
    gemini = GeminiSettings(model=SimulatedSettings().model, seed=0)
    assert gemini.asked(CLASSES) != SimulatedSettings().asked(CLASSES)


def test_a_question_is_told_by_prompt_text_and_schema_and_not_by_names_alone():
    """An edited prompt file would be another question even under its old name."""
    [asked] = GeminiSettings().asked_with({"temperature": 0.6}, "m", CLASSES)
    assert "The emotions to choose from are: angry, sad." in asked["prompt"]
    assert asked["schema"]["required"] == CLASSES
    assert set(asked) == {"kind", "model", "temperature", "prompt", "schema"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("value", "message"), [(-0.1, "greater than or equal to 0"), (2.1, "less than or equal to 2")])
def test_a_temperature_that_no_model_takes_is_refused(kind, value: float, message: str):
    with pytest.raises(ValidationError, match=message):
        kind(temperature=value)


def test_one_prompt_may_stand_without_brackets():
    assert PaidTeacherSettings(prompt="emotion-v2").prompt == ("emotion-v2",)


@pytest.mark.parametrize(("answer", "prompt"), [("distribution", "emotion-v1"), ("label", "label-v1")])
def test_each_kind_of_answer_has_its_usual_prompt(answer: str, prompt: str):
    assert PaidTeacherSettings(answer=answer).prompt == (prompt,)


def test_each_prompt_is_a_question_of_its_own():
    first, second = GeminiSettings(prompt=["emotion-v1", "emotion-v2"]).asked(CLASSES)
    assert first == GeminiSettings(prompt="emotion-v1").asked(CLASSES)[0]
    assert second == GeminiSettings(prompt="emotion-v2").asked(CLASSES)[0]


def test_adaptive_draws_have_a_least_and_a_most():
    teacher = PaidTeacherSettings(draws={"min": 2, "max": 6})
    assert (teacher.least_draws, teacher.most_draws) == (2, 6)
