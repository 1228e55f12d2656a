import warnings

import pytest
import torch

from tasks.contracts.errors import CheckpointError
from tasks.encoders.device import autocast, pick_device


def test_auto_takes_a_gpu_where_there_is_one() -> None:
    assert pick_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_torchs_own_names_are_taken_as_they_are() -> None:
    assert pick_device("cpu") == torch.device("cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_a_gpu_that_is_not_there_is_refused(device: str) -> None:
    with pytest.raises(CheckpointError, match=f'device "{device}": torch sees no GPU here. Use `device: auto`'):
        pick_device(device)


@pytest.mark.parametrize("device", ["gpu", "CPU0", ""])
def test_a_name_that_torch_does_not_know_is_refused(device: str) -> None:
    with pytest.raises(CheckpointError, match=f'device "{device}"'):
        pick_device(device)


@pytest.mark.parametrize("device", ["mps", "xpu", "meta"])
def test_a_device_that_torch_knows_and_this_machine_does_not_have_is_refused(device: str) -> None:
    """`meta` is a device on which nothing is computed."""
    with pytest.raises(CheckpointError, match=f'device "{device}": torch cannot compute on it here .*`device: cpu`'):
        pick_device(device)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU")
def test_a_gpu_of_a_number_that_is_not_there_is_refused() -> None:
    with pytest.raises(CheckpointError, match='device "cuda:99": torch cannot compute on it here'):
        pick_device("cuda:99")


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_a_precision_leaves_the_filters_of_warnings_alone(precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are of the whole process: another worker's thread would meet them, and could put them back for good."""
    monkeypatch.setattr(warnings, "catch_warnings", lambda: pytest.fail("changed"))
    with autocast(precision, torch.device("cpu")):
        assert torch.get_autocast_dtype("cpu") == getattr(torch, precision)


def test_a_device_without_a_precision_is_refused() -> None:
    with pytest.raises(CheckpointError, match=r"precision: bfloat16: torch cannot .* on meta.*`precision: float32`"):
        autocast("bfloat16", torch.device("meta"))
