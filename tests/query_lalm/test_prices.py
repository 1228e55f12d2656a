"""`prices.yaml` beside `pipelines.yaml`: the user's own prices, over those that ship."""

import pytest

from tasks.contracts.errors import SettingsError
from tests.query_lalm.asking import gemini, with_prices

MODEL = "gemini-2.5-flash"


def test_ones_own_price_takes_the_place_of_the_one_that_ships(workplace, server):
    own = f'{MODEL}: {{audio_input: 0, text_input: 0, output: 100, as_of: "2026-12"}}'
    workplace.ask(choices=with_prices(workplace, own))
    table = workplace.table()
    assert table["cost_usd"].to_list() == pytest.approx((table["output_tokens"] * 100 / 1e6).to_list())


def test_audio_and_text_have_a_price_each(workplace, server):
    """Half a second of audio is 16 tokens."""
    own = f'{MODEL}: {{audio_input: 1000, text_input: 0, output: 0, as_of: "2026-12"}}'
    workplace.ask(choices=with_prices(workplace, own))
    assert workplace.table()["cost_usd"].to_list() == pytest.approx([0.016] * 6)


def test_with_ones_own_price_a_ceiling_can_be_kept_for_any_model(workplace, server):
    own = 'gemini-99: {audio_input: 1, text_input: 1, output: 1, as_of: "2026-12"}'
    teacher = gemini(model="gemini-99", max_cost_usd=1)
    assert workplace.ask(teacher, choices=with_prices(workplace, own))["answered"] == 6
    assert workplace.table()["cost_usd"].null_count() == 0


@pytest.mark.parametrize(
    "broken",
    [
        "gemini-2.5-flash: 3",
        "gemini-2.5-flash: {audio_input: 1, text_input: 1, output: 1}",
        'gemini-2.5-flash: {audio_input: -1, text_input: 1, output: 1, as_of: "2026-12"}',
        'gemini-2.5-flash: {audio: 1, text_input: 1, output: 1, as_of: "2026-12"}',
        "- gemini-2.5-flash",
        "{",
    ],
)
def test_a_list_of_prices_that_is_none_is_refused_before_anything_is_asked(workplace, server, broken):
    with pytest.raises(SettingsError, match=r"prices\.yaml[,:] .*Expected for each model: \{audio_inp"):
        workplace.ask(choices=with_prices(workplace, broken))
    assert server.requests == 0


def test_a_price_that_changes_later_leaves_what_was_paid_as_it_was(workplace, server):
    workplace.ask()
    before = workplace.draws.read_bytes()
    own = f'{MODEL}: {{audio_input: 100, text_input: 100, output: 100, as_of: "2026-12"}}'
    workplace.ask(choices=with_prices(workplace, own))
    assert workplace.draws.read_bytes() == before
