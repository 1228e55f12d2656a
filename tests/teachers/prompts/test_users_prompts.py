"""A prompt of the user's own: a file beside pipelines.yaml."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from tasks.contracts.settings import Settings
from tasks.teachers.prompts import PromptName, prompt_facts, prompt_id, prompt_text

QUESTION = "Which of {classes}?"


class Teacher(Settings):
    """What stands in pipelines.yaml."""

    prompt: PromptName


def teacher(folder: Path, prompt: str) -> Teacher:
    return Teacher.model_validate({"prompt": prompt}, context={"folder": folder})


@pytest.fixture
def write(tmp_path):
    def write_file(content: str | bytes, name: str = "mine.md") -> str:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write_file


@pytest.mark.parametrize("name", ["mine.md", "mine.txt", "mine", "v1.2.md"])
def test_a_file_is_read_and_called_by_its_name_without_suffix(write, name):
    path = write(QUESTION, name)
    assert prompt_text(path, ["angry", "sad"]) == "Which of angry, sad?"
    assert prompt_id(path) == name.removesuffix(".md").removesuffix(".txt")


@pytest.mark.parametrize("content", [f"\n{QUESTION}\n\n", f"\ufeff{QUESTION}", f"{QUESTION}\r\n"])
def test_how_an_editor_saves_a_file_changes_nothing_that_is_sent(write, content):
    assert prompt_text(write(content), ["angry"]) == "Which of angry?"


def test_line_ends_are_sent_alike_from_every_system(write):
    assert (
        prompt_text(write(f"---\r\nanswer: label\r\n---\r\nHear.\r\n{QUESTION}\r\n"), ["angry"])
        == "Hear.\nWhich of angry?"
    )


def test_all_braces_but_those_of_the_classes_are_sent_as_they_stand(write):
    text = 'Of {classes}: {"label": "…"}, {{"a": {}}} or { 1 }. Again: {classes}.'
    assert prompt_text(write(text), ["sad"]) == 'Of sad: {"label": "…"}, {{"a": {}}} or { 1 }. Again: sad.'


def test_a_class_is_no_template(write):
    assert prompt_text(write(QUESTION), ["{classes}", "{x}"]) == "Which of {classes}, {x}?"


@pytest.mark.parametrize(
    ("head", "facts"),
    [
        ("hears: text proxy\nanswer: label", ("text proxy", "label")),
        ("hears: audio", ("audio", None)),
        ("# nothing yet", (None, None)),
        ("", (None, None)),
    ],
)
def test_front_matter_says_what_the_prompt_is_for_and_is_not_sent(write, head, facts):
    path = write(f"---\n{head}\n---\n\n{QUESTION}")
    assert prompt_facts(path) == facts
    assert prompt_text(path, ["angry"]) == "Which of angry?"


def test_a_rule_further_down_is_text(write):
    text = f"{QUESTION}\n---\nThink.\n---\nAnswer."
    assert prompt_text(write(text), ["sad"]) == text.replace("{classes}", "sad")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"has no text; expected a question that names the emotions by \{classes\}"),
        ("---\nhears: audio\n---\n \n", "has no text"),
        ("How does the speaker feel?", r"never names the emotions; put \{classes\} where they are to stand"),
        (f"{QUESTION} In {{language}}.", r"\{language\} is no placeholder; only \{classes\} is filled in"),
        ("Which of {clases}?", r"\{clases\} is no placeholder; only \{classes\}"),
        ("Which of {{classes}}?", r"\{\{classes\}\} is no placeholder; only \{classes\}"),
        ("Which of { classes }?", r"\{ classes \} is no placeholder; only \{classes\}"),
        (b"\xff\xfeWhich", r"not UTF-8 \(byte 0\); save it as UTF-8 text"),
        (f"---\nhears: audio\n{QUESTION}", "front matter begins with --- and never ends; close it with a line of ---"),
        (f"---\nhears: [\n---\n{QUESTION}", "its front matter is not YAML: .*line"),
        (f"---\nhears\n---\n{QUESTION}", "its front matter is 'hears', expected lines such as `answer: distribution`"),
        (f"---\nhear: audio\n---\n{QUESTION}", 'its front matter has "hear"; known: hears, answer'),
        (f"---\nhears: video\n---\n{QUESTION}", "has hears: 'video', expected one of audio, text proxy"),
        (f"---\nanswer: [label]\n---\n{QUESTION}", r"has answer: \['label'\], expected one of distribution, label"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_by_its_path(write, content, message):
    path = write(content)
    with pytest.raises(ValueError, match=rf'prompt "{path}": .*{message}'):
        prompt_text(path, ["angry"])


def test_a_missing_file_is_refused_and_the_shipped_prompts_are_named(tmp_path):
    with pytest.raises(ValueError, match=r'mine\.md": no such file; shipped prompts: emotion-v1, '):
        prompt_text(str(tmp_path / "mine.md"), ["angry"])


def test_a_folder_is_no_prompt(tmp_path):
    with pytest.raises(ValueError, match=r"cannot be read \(Is a directory\)"):
        prompt_text(str(tmp_path), ["angry"])


@pytest.mark.parametrize("name", ["mine.md", "prompts/mine.txt", "./mine.md", "prompts/mine"])
def test_in_settings_a_path_is_meant_from_the_folder_of_pipelines_yaml(write, tmp_path, name):
    path = write(QUESTION, name)
    assert Path(teacher(tmp_path, name).prompt) == Path(path)
    assert teacher(tmp_path, name).prompt.startswith("/")


def test_in_settings_a_shipped_id_stays_as_it_is(tmp_path):
    assert teacher(tmp_path, "emotion-v1").prompt == "emotion-v1"
    assert teacher(tmp_path, "emotion-v1").fingerprint() == {"prompt": "emotion-v1"}


@pytest.mark.parametrize("name", ["mine.md", "emotion-v0"])
def test_in_settings_a_prompt_that_does_not_exist_is_a_mistake(tmp_path, name):
    with pytest.raises(ValidationError, match=rf"prompt\n.*{name}"):
        teacher(tmp_path, name)


def test_an_edited_file_is_another_setting(write, tmp_path):
    write(QUESTION)
    mine = teacher(tmp_path, "mine.md")
    before = mine.fingerprint()
    write(f"{QUESTION} Think.")
    assert mine.fingerprint() != before
    write(QUESTION)
    assert mine.fingerprint() == before


def test_a_file_that_is_moved_or_changes_only_its_front_matter_is_the_same_setting(write, tmp_path):
    write(QUESTION)
    write(f"---\nhears: audio\n---\n{QUESTION}", "elsewhere/mine.md")
    assert teacher(tmp_path, "mine.md").fingerprint() == teacher(tmp_path, "elsewhere/mine.md").fingerprint()
