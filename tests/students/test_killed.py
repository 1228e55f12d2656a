"""A real process that trains, killed with SIGKILL at several moments, goes on to the same bits."""

import subprocess
import sys
from pathlib import Path

import pytest

# Trains as the stage does: checkpoints, and curves as they come. Says each step, so that one can kill it at a step;
# it runs on while its parent reads, so that the moment is anywhere: within a step, or while a checkpoint is written.
CHILD = """
import sys
from pathlib import Path
import torch
from safetensors.torch import save_file
from tasks.students.checkpoints import read_checkpoint, write_checkpoint
from tasks.students.curves import CurveFile
from tasks.students.mi_fuse import MIFuseSettings
from tasks.networks.config import ClassifierConfig
from tasks.networks.head import Head
from tasks.students.base import TrainingData
from tasks.encoders.features import Means
from tasks.fusion.base import Draws
from tasks.fusion.mutual_information import MutualInformationRule

work = Path(sys.argv[1])
torch.set_num_threads(1)
torch.manual_seed(0)
classes = ["angry", "happy", "sad"]
config = ClassifierConfig(classes=classes, encoder={"kind": "logmel"}, encoder_identity={}, n_layers=2, dim=5, hidden=8)
draws = Draws(torch.randn(12, 4, 3).softmax(dim=-1), torch.ones(12, 4, dtype=torch.bool))
data = TrainingData(Means(torch.randn(12, 2, 5)), torch.randn(12, 3).softmax(dim=-1), [draws, None],
                    MutualInformationRule().fit([], []), 8)
settings = MIFuseSettings(recipe="paper", steps=550, batch_size=5)
resume = read_checkpoint(work)
print("from", resume.step if resume else 0, flush=True)
curves = CurveFile(work / "curves.jsonl", resume.curves if resume else ())
student = settings.train(Head(config), data, classes, resume, keep=lambda point: write_checkpoint(work, point),
                         report=lambda n: print("step", flush=True), note=curves.add)
named = {"named": student.named.classes_PM, "steps": torch.tensor(student.named.steps)}
save_file(student.head.state_dict() | named, work / "student.safetensors")
"""


def train(work: Path, kill_after: int | None) -> int:
    """Where it went on from; killed after so many steps more, unless None."""
    command = [sys.executable, "-c", CHILD, str(work)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        begun = int(child.stdout.readline().removeprefix("from "))
        if kill_after is not None:
            for _ in range(kill_after):
                child.stdout.readline()
            child.kill()
        child.communicate()
    assert child.returncode == (0 if kill_after is None else -9)
    return begun


@pytest.mark.slow
def test_killed_again_and_again_it_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    """At step 250, where its first checkpoint is being written, and somewhere after that."""
    train(tmp_path / "whole", None)
    begun = [train(tmp_path / "killed", after) for after in (250, 260)]
    begun.append(train(tmp_path / "killed", None))
    assert begun == sorted(begun)
    assert begun[-1] in (250, 500)
    for name in ("student.safetensors", "curves.jsonl"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
