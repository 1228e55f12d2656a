"""What calls cost, by a list of prices that users can edit."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.asking.money import Price, price_list
from tasks.asking.provider import Answer
from tasks.contracts.errors import SettingsError
from tasks.teachers.gemini import GeminiSettings
from tasks.teachers.simulated import SimulatedSettings

PRICE = Price(audio_input=1.0, text_input=0.3, output=2.5, as_of="2026-11")


def answer(input_tokens: int | None, output_tokens: int | None) -> Answer:
    return Answer("{}", None, "m", input_tokens, output_tokens)


def test_prices_are_dollars_per_million_tokens():
    """200,000 × $1 + 40,000 × $2.50 per million."""
    assert PRICE.of(answer(200_000, 40_000)) == pytest.approx(0.2 + 0.1)


def test_an_estimate_prices_audio_text_and_output_each_at_its_own():
    assert PRICE.estimate(100_000, 200_000, 40_000) == pytest.approx(0.1 + 0.06 + 0.1)


def test_an_answer_without_token_counts_costs_nothing_that_we_know_of():
    assert PRICE.of(answer(None, None)) == 0


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 1024))
def test_what_an_answer_is_booked_at_is_never_less_than_its_price(audio: int, text: int, output: int):
    """The usage does not tell audio from text here, so all input counts as the dearer."""
    assert PRICE.of(answer(audio + text, output)) >= PRICE.estimate(audio, text, output) - 1e-12


def test_the_shipped_price_list_knows_the_models_that_are_asked_by_default():
    prices = price_list()
    assert prices[GeminiSettings().model].output > 0
    assert prices[SimulatedSettings().model].estimate(1e6, 1e6, 1e6) == 0


@pytest.mark.parametrize("model", sorted(price_list()))
def test_every_shipped_price_is_dated_and_audio_is_never_cheaper_than_text(model: str):
    """`Price.of` is an upper bound only as long as audio is the dearer."""
    price = price_list()[model]
    assert date.fromisoformat(f"{price.as_of}-01") >= date(2026, 1, 1)
    assert price.audio_input >= price.text_input >= 0 <= price.output


def test_the_users_own_list_goes_before_the_shipped_one(tmp_path: Path):
    own = tmp_path / "prices.yaml"
    own.write_text('my-model: {audio_input: 4, text_input: 2, output: 8, as_of: "2026-11"}\n')
    prices = price_list(own)
    assert prices["my-model"].audio_input == 4
    assert prices.keys() == price_list().keys() | {"my-model"}


def test_a_price_of_the_users_own_replaces_the_shipped_one(tmp_path: Path):
    own, model = tmp_path / "prices.yaml", GeminiSettings().model
    own.write_text(f'{model}: {{audio_input: 4, text_input: 2, output: 8, as_of: "2026-11"}}\n')
    assert price_list(own)[model].output == 8


@pytest.mark.parametrize("content", [None, ""], ids=["no file", "an empty file"])
def test_without_an_own_list_the_shipped_one_stands(tmp_path: Path, content: str | None):
    own = tmp_path / "prices.yaml"
    if content is not None:
        own.write_text(content)
    assert price_list(own) == price_list()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("m: {audio_input: 1", "while parsing"),
        ("m: 3", "the whole: Input should be a valid dictionary"),
        ("- m", "found"),
        ('m: {audio_input: 1, text_input: 1, as_of: "2026-11"}', "output"),
        ('m: {audio_input: -1, text_input: 1, output: 1, as_of: "2026-11"}', "audio_input"),
        ('m: {audio: 1, audio_input: 1, text_input: 1, output: 1, as_of: "2026-11"}', "audio"),
    ],
)
def test_a_file_that_is_no_list_of_prices_is_told_with_what_is_expected(tmp_path: Path, content: str, told: str):
    own = tmp_path / "prices.yaml"
    own.write_text(content)
    with pytest.raises(SettingsError, match=rf"prices\.yaml[,:] .*{told}.*Expected for each model: "):
        price_list(own)


def test_audio_is_priced_as_audio_where_the_provider_says_how_much_of_the_input_it_was():
    """100,000 × $1 + 100,000 × $0.30 per million."""
    told = Answer("{}", None, "m", 200_000, 0, audio_tokens=100_000)
    assert PRICE.of(told) == pytest.approx(0.1 + 0.03)


def test_no_more_audio_is_priced_than_input_was_sent():
    assert PRICE.of(Answer("{}", None, "m", 100_000, 0, audio_tokens=200_000)) == pytest.approx(0.1)


def test_a_batch_pays_its_share_of_every_price():
    half = PRICE.model_copy(update={"batch": 0.5}).in_batches()
    assert (half.audio_input, half.text_input, half.output) == (0.5, 0.15, 1.25)
