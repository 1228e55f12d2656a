"""What `bench.classifier` measures of speed on the CPU."""

from __future__ import annotations

from pathlib import Path

import torch
import transformers

from bench.classifier_parts import make_clips, make_encoder, make_head, random_batches, shuffled, told_clips
from bench.dropout_loops import loop, padded, replicated
from bench.race import Contestants, race, ratio, timed_table
from bench.tables import Table, verdict
from tasks.encoders.base import Live
from tasks.encoders.batches import plan_batches
from tasks.encoders.features import AudioFile, Means
from tasks.encoders.hearing import hear_batches
from tasks.maths.masks import clip_keys
from tasks.storage.audio import read_audio
from tasks.teachers.mc_dropout import draw_by_dropout

_K = 8
_BATCH_S = 60.0


def head(folder: Path, layers: int, repeats: int) -> Table:
    """`dropout: head`: the encoder runs once whatever K is."""
    encoder, files = make_encoder(folder, layers).build("cpu"), make_clips(folder, 16, 1, 6)
    batches, sha256s = plan_batches(files, (), _BATCH_S), [file.sha256 for file in files]
    classifier = make_head(encoder)

    def heard() -> Means:
        return Means(torch.cat([frames.means_BLD() for _, frames in hear_batches(encoder, batches)]))

    def once() -> None:
        with torch.inference_mode():
            classifier(heard().rows(range(len(files))))

    def eight() -> None:
        draw_by_dropout(classifier, heard(), sha256s, _K, seed=0)

    seconds = race({"one deterministic pass": once, f"head, K = {_K}": eight}, repeats)
    table = timed_table(f"`dropout: head`, {told_clips(files)}, encoder included", seconds)
    table.notes.append(f"- K = {_K} / one pass: {verdict(ratio(seconds, 1, 0), 1.15, at_least=False)}")
    return table


def all_dropouts(folder: Path, layers: int, repeats: int) -> Table:
    """`dropout: all` beside a loop over calls and beside replication, both padded and in `model.train()`."""
    settings, files = make_encoder(folder, layers), make_clips(folder, 8, 1, 5)
    encoder, naive = settings.build("cpu"), transformers.AutoModel.from_pretrained(settings.model)
    classifier, plain = make_head(encoder), torch.nn.Sequential(torch.nn.Dropout(0.2), torch.nn.Linear(encoder.dim, 4))
    batches = plan_batches(files, (), _BATCH_S)
    waves = [read_audio(file.path) for file in shuffled(files)]
    rows = [waves[at : at + 4] for at in range(0, len(waves), 4)]

    def live(batch: list[AudioFile]) -> Live:
        return Live(clip_keys([file.sha256 for file in batch]), tuple(range(_K)), seed=0)

    def ours() -> None:
        with torch.inference_mode():
            for _, frames in hear_batches(encoder, batches, live=live):
                classifier(frames).softmax(dim=-1)

    contestants: Contestants = {
        "loop over K calls": lambda: loop(naive, plain, rows, _K),
        "batch replicated K times": lambda: replicated(naive, plain, rows, _K),
        "mifuse": ours,
    }
    seconds = race(contestants, repeats)
    table = timed_table(f"`dropout: all`, K = {_K}, {told_clips(files)}", seconds)
    table.notes.append(f"- loop / mifuse: {verdict(ratio(seconds, 0, 2), 1.25)}")
    table.notes.append(f"- replication / mifuse: {verdict(ratio(seconds, 1, 2), 1.0)}")
    table.notes.append(
        "- The other two pad batches of 4 clips in random order to the longest; LayerDrop is on in them."
    )
    return table


def buckets(folder: Path, layers: int, repeats: int) -> Table:
    """Clips of like length together, beside batches of the same size in random order."""
    settings, files = make_encoder(folder, layers), make_clips(folder, 24, 1, 15)
    encoder, whole = settings.build("cpu"), transformers.AutoModel.from_pretrained(settings.model).eval()
    planned, at_random = plan_batches(files, (), _BATCH_S), random_batches(shuffled(files), _BATCH_S)

    def ours(batches: list[list[AudioFile]]) -> None:
        for _ in hear_batches(encoder, batches):
            pass

    def usual(batches: list[list[AudioFile]]) -> None:
        with torch.inference_mode():
            for batch in batches:
                input_BS, mask_BS = padded([read_audio(file.path) for file in batch])
                whole(input_BS, attention_mask=mask_BS, output_hidden_states=True)

    contestants: Contestants = {
        "random batches, padded waves": lambda: usual(at_random),
        "random batches, mifuse's encoder": lambda: ours(at_random),
        "length buckets, padded waves": lambda: usual(planned),
        "length buckets, mifuse": lambda: ours(planned),
    }
    seconds = race(contestants, repeats)
    table = timed_table(
        f"Length buckets, {told_clips(files)}, batches of at most {_BATCH_S:.0f} s with padding", seconds
    )
    table.notes.append(f"- random, padded / mifuse: {verdict(ratio(seconds, 0, 3), 1.5)}")
    table.notes.append(f"- same encoder code, random / buckets: {ratio(seconds, 1, 3):.2f}")
    table.notes.append(f"- padded waves, random / buckets: {ratio(seconds, 0, 2):.2f}")
    return table
