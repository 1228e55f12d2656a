import pytest
import torch

from tasks.contracts.errors import CheckpointError
from tasks.encoders.device import pick_device


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
