"""What one MI-Fuse step costs beside a plain cross-entropy step, and how long a whole training takes.

python -m bench.student_speed [--repeats 31] [--threads 1]

The network and the numbers of the default: 233 features, 256 hidden units, batches of 32, eight teacher passes. The
plain step is written as one would: nn.Dropout, AdamW, clipping, LambdaLR; no moving teacher, no curves.
"""

from __future__ import annotations

from collections.abc import Callable

import click
import torch

import flows.quiet  # noqa: F401
from bench.race import Contestants, race, ratio, timed_table
from bench.tables import verdict
from tasks.encoders.features import Means
from tasks.fusion.base import Draws
from tasks.fusion.mutual_information import MutualInformationRule
from tasks.networks.config import ClassifierConfig
from tasks.networks.head import Head
from tasks.students.base import TrainingData
from tasks.students.mi_fuse import MIFuseSettings

_CLASSES = ["angry", "happy", "neutral", "sad"]
_N, _D, _H, _STEPS = 400, 233, 256, 20


@click.command(help=__doc__)
@click.option("--repeats", default=31, show_default=True)
@click.option("--threads", default=1, show_default=True)
def main(repeats: int, threads: int) -> None:
    torch.set_num_threads(threads)
    data = _data()
    contestants: Contestants = {
        "plain cross-entropy": _repeated(_plain_step(data)),
        "mifuse, labels as they stand": _repeated(_mifuse_step(data, "never")),
        "mifuse, MI-Fuse": _repeated(_mifuse_step(data, "step")),
    }
    seconds = race(contestants, repeats)
    table = timed_table(f"{_STEPS} training steps: {_D} features, {_H} hidden units, batches of 32, K = 8", seconds)
    table.notes.append(f"- MI-Fuse / plain: {verdict(ratio(seconds, 2, 0), 2.5, at_least=False)}")
    table.notes.append(f"- MI-Fuse / labels as they stand: {ratio(seconds, 2, 1):.2f}")
    median_s = sorted(seconds["mifuse, MI-Fuse"])[repeats // 2]
    table.notes.append(f"- seconds of 1,500 MI-Fuse steps: {verdict(1500 * median_s / _STEPS, 6, at_least=False)}")
    print(table.markdown())


def _repeated(step: Callable[[], object]) -> Callable[[], object]:
    return lambda: [step() for _ in range(_STEPS)]


def _data() -> TrainingData:
    generator = torch.Generator().manual_seed(0)
    answers_NKC = (2 * torch.randn(_N, 5, 4, generator=generator)).softmax(dim=-1)
    return TrainingData(
        features=Means(torch.randn(_N, 1, _D, generator=generator)),
        labels_NC=torch.randn(_N, 4, generator=generator).softmax(dim=-1),
        draws=[Draws(answers_NKC, torch.ones(_N, 5, dtype=torch.bool)), None],
        rule=MutualInformationRule().fit([], []),
        classifier_draws=8,
    )


def _mifuse_step(data: TrainingData, refresh: str) -> Callable[[], object]:
    encoder = {"kind": "logmel"}
    config = ClassifierConfig(
        classes=_CLASSES, encoder=encoder, encoder_identity={}, n_layers=1, dim=_D, hidden=_H, dropout=0.2
    )
    settings = MIFuseSettings.model_validate({"recipe": "paper", "teacher_refresh": refresh, "steps": 1_000_000})
    return settings.loop(Head(config), data, _CLASSES).advance


def _plain_step(data: TrainingData) -> Callable[[], object]:
    network = torch.nn.Sequential(
        torch.nn.Dropout(0.2), torch.nn.Linear(_D, _H), torch.nn.ReLU(), torch.nn.Dropout(0.2), torch.nn.Linear(_H, 4)
    )
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-4)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, MIFuseSettings().learning_rate_factor)
    features_ND = data.features.rows(range(_N)).means_BLD()[:, 0]

    def step() -> None:
        rows_B = torch.randint(_N, (32,))
        loss = torch.nn.functional.cross_entropy(network(features_ND[rows_B]), data.labels_NC[rows_B])
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()

    return step


if __name__ == "__main__":
    main()
