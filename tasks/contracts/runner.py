"""`runner:` who computes the shards of a stage. Settings alone; `flows/shards.py` starts what they name."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tasks.contracts.settings import Settings


class ThreadsRunner(Settings):
    """`{kind: threads}`: in this process. Several workers share the GPUs that torch sees, one device each."""

    kind: Literal["threads"] = "threads"
    workers: int = Field(default=1, ge=1)


class DaskRunner(Settings):
    """`{kind: dask, workers: 4}` starts a cluster on this machine; `{kind: dask, address: tcp://…}` joins one."""

    kind: Literal["dask"] = "dask"
    workers: int = Field(default=2, ge=1)
    address: str | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> DaskRunner:
        _check_one_of_both(self)
        return self


class RayRunner(Settings):
    """`{kind: ray, workers: 4}` starts Ray on this machine; `{kind: ray, address: ray://…}` joins a cluster."""

    kind: Literal["ray"] = "ray"
    workers: int = Field(default=2, ge=1)
    address: str | None = None
    gpus_per_worker: float = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _one_of_both(self) -> RayRunner:
        _check_one_of_both(self)
        return self


def _check_one_of_both(runner: DaskRunner | RayRunner) -> None:
    if runner.address is not None and "workers" in runner.model_fields_set:
        raise ValueError("give `workers` to start a cluster here, or `address` to join one, not both")


RunnerSettings = Annotated[ThreadsRunner | DaskRunner | RayRunner, Field(discriminator="kind")]
