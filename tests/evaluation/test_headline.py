"""The first sentences of a report say who wins, also when it is not the student."""

from typing import Any

from tasks.evaluation.headline import headline, headline_without_gold, remarks


def scored(**ua: float) -> dict[str, dict[str, Any]]:
    return {name: {"ua": value, "n": 200, "confusion": [[80, 20, 0], [20, 80, 0]]} for name, value in ua.items()}


def test_a_student_above_both_teachers_beats_both() -> None:
    sentence = headline(scored(source=0.51, lalm=0.545, student=0.584))
    assert sentence == "The student beats both teachers: UA 58.4% against 54.5% (LALM) and 51.0% (source classifier)."


def test_a_student_between_its_teachers_does_not_beat_both() -> None:
    sentence = headline(scored(source=0.51, lalm=0.545, student=0.53))
    assert sentence.startswith("The student does not beat both teachers, only the source classifier: UA 53.0%")


def test_a_student_below_its_teachers_beats_neither() -> None:
    assert headline(scored(source=0.5, lalm=0.6, student=0.4)).startswith("The student beats neither teacher: UA 40.0%")


def test_a_student_level_with_a_teacher_does_not_beat_it() -> None:
    assert "beats neither teacher" in headline(scored(source=0.5, lalm=0.5, student=0.5))


def test_three_teachers_are_named_one_by_one() -> None:
    sentence = headline(scored(source=0.5, lalm=0.6, gpt=0.4, student=0.7))
    assert sentence.startswith("The student beats all 3 teachers: UA 70.0% against 60.0% (LALM), 50.0% (source")


def test_the_oracle_is_no_teacher() -> None:
    assert headline(scored(source=0.5, lalm=0.6, oracle=0.9, student=0.7)).startswith("The student beats both teachers")


def test_a_single_teacher_is_its_teacher() -> None:
    assert headline(scored(lalm=0.6, student=0.5)).startswith("The student does not beat its teacher: UA 50.0%")


def test_the_remarks_give_the_distance_to_the_better_teacher_and_to_fusion() -> None:
    first = remarks(scored(source=0.5, lalm=0.6, fused=0.62, student=0.65))[0]
    assert (
        first
        == "It is 5.0 points above the better teacher (LALM) and 3.0 points above the fused labels without training."
    )


def test_the_remarks_say_when_training_added_nothing() -> None:
    assert (
        "level with the fused labels without training: training added"
        in remarks(scored(source=0.5, lalm=0.6, fused=0.65, student=0.65))[0]
    )


def test_the_remarks_say_when_training_did_harm() -> None:
    assert remarks(scored(source=0.5, lalm=0.6, fused=0.7, student=0.65))[0].endswith("training: training did harm.")


def test_the_remarks_give_the_gap_recovered() -> None:
    sentences = remarks(scored(source=0.5, lalm=0.6, oracle=0.8, student=0.65))
    assert "Gap recovered: 25% of what always choosing the right teacher would gain." in sentences


def test_the_remarks_say_how_surely_the_ua_is_known() -> None:
    assert remarks(scored(lalm=0.6, student=0.65))[-1] == "With 200 clips, its UA is known to about ± 5.6 points."


def test_without_gold_the_headline_speaks_of_agreement_alone() -> None:
    pairs = {"student": {"fused": 0.87}, "source": {"lalm": 0.54}, "lalm": {}, "fused": {}}
    summary = {
        "n": 1234,
        "systems": dict.fromkeys(["source", "lalm", "fused", "student"]),
        "agreement": {"pairs": pairs},
    }
    assert headline_without_gold(summary) == (
        "The student names the same class as the fused labels on 87.0% of 1,234 clips; "
        "its teachers agree with each other on 54.0%."
    )
