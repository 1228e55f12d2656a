"""One thread inside the block, as many as before after it."""

from collections.abc import Iterator

import pytest
import torch

from tasks.maths.threads import one_thread


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_torch_has_one_thread_inside_the_block() -> None:
    with one_thread():
        assert torch.get_num_threads() == 1


@pytest.mark.usefixtures("two_threads")
def test_the_threads_come_back_after_the_block() -> None:
    with one_thread():
        pass
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_the_threads_come_back_after_an_error() -> None:
    with pytest.raises(RuntimeError, match="broken"), one_thread():
        raise RuntimeError("broken")
    assert torch.get_num_threads() == 2
