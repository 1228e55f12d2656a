"""`accelerate launch` without its traceback: a process that fails has said by itself what is wrong."""

from __future__ import annotations

import logging
import sys

_WORKER = "flows.train_worker"


def main(processes: str, job: str) -> None:
    """Ends with code 1 where a process failed."""
    from accelerate.commands.launch import launch_command, launch_command_parser
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    # --multi_gpu is accelerate's word for several processes on one machine; the worker itself asks for the CPU.
    options = ["--multi_gpu", "--num_processes", processes, "--num_machines", "1", "--main_process_port", "0"]
    options += ["--mixed_precision", "no", "--dynamo_backend", "no"]  # precision is the encoder's setting
    arguments = launch_command_parser().parse_args([*options, "-m", _WORKER, job, "watched"])
    try:
        launch_command(arguments)
    except ChildFailedError:
        sys.exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
