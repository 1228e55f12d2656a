"""Results of one scene, laid out by method and transfer, with the rows that need several methods at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bench.transfers.bootstrap import Sampled, mean_of, ua_of, wa_of
from bench.transfers.kept import Result

CLASSIFIER, LALM, ORACLE = "source", "LALM", "oracle of both teachers"


class Board:
    """UA and WA per method and transfer. A method that is not there on every transfer has no mean."""

    def __init__(self, results: Sequence[Result]) -> None:
        self.scene = results[0].scene
        self.methods = list(dict.fromkeys(result.method for result in results))
        self.transfers = list(dict.fromkeys(result.transfer for result in results))
        self.seeds = sorted({result.seed for result in results})
        self._runs: dict[tuple[str, str], list[Result]] = {}
        for result in [*results, *_oracle(results)]:
            self._runs.setdefault((result.method, result.transfer), []).append(result)
        if (ORACLE, self.transfers[0]) in self._runs:
            self.methods.append(ORACLE)
        heard: dict[str, set[int]] = {}
        for result in results:
            heard.setdefault(result.target, set()).update(result.speakers)
        who = {target: sorted(speakers) for target, speakers in heard.items()}
        self.ua = {key: ua_of(runs, who[runs[0].target]) for key, runs in self._runs.items()}
        self.wa = {key: wa_of(runs, who[runs[0].target]) for key, runs in self._runs.items()}

    def mean(self, method: str) -> Sampled:
        """UA over the transfers."""
        return mean_of([self.ua[method, transfer] for transfer in self.transfers])

    def mean_wa(self, method: str) -> Sampled:
        """WA over the transfers."""
        return mean_of([self.wa[method, transfer] for transfer in self.transfers])

    def has_teachers(self) -> bool:
        """Whether both are there on every transfer, to be compared with."""
        return all((teacher, transfer) in self.ua for teacher in (CLASSIFIER, LALM) for transfer in self.transfers)

    def better_teacher(self, transfer: str) -> str:
        """By the mean over the seeds; of two alike the LALM."""
        return max((LALM, CLASSIFIER), key=lambda teacher: self.ua[teacher, transfer].value)

    def against_better_teacher(self, method: str, transfer: str) -> Sampled:
        """Points of UA above the better of the two."""
        return self.ua[method, transfer] - self.ua[self.better_teacher(transfer), transfer]

    def gap_recovered(self, method: str) -> float | None:
        """(method - better teacher) / (oracle that takes whichever teacher is right - better teacher), of the means."""
        if not self.has_teachers():
            return None
        better = sum(self.ua[self.better_teacher(t), t].value for t in self.transfers) / len(self.transfers)
        room = self.mean(ORACLE).value - better
        return (self.mean(method).value - better) / room if room > 0 else None

    def curve(self, method: str) -> list[tuple[int, float]]:
        """Steps and UA, the mean over transfers and seeds."""
        curves = [run.curve for transfer in self.transfers for run in self._runs.get((method, transfer), [])]
        return [(points[0][0], sum(ua for _, ua in points) / len(points)) for points in zip(*curves, strict=True)]


def _oracle(results: Sequence[Result]) -> list[Result]:
    """Right where either teacher is, else as wrong as the LALM."""
    by = {(r.method, r.transfer, r.seed): r for r in results if r.method in (CLASSIFIER, LALM)}
    oracle = []
    for (method, transfer, seed), lalm in by.items():
        other = by.get((CLASSIFIER, transfer, seed))
        if method == LALM and other is not None:
            named = "".join(
                gold if gold in said else said[0]
                for gold, *said in zip(lalm.gold, lalm.named, other.named, strict=True)
            )
            oracle.append(replace(lalm, method=ORACLE, named=named, curve=[]))
    return oracle
