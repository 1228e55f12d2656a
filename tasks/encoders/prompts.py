"""The texts that name the classes to a model that compares audio with text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BeforeValidator, Field

from tasks.maths.zero_shot import ensemble

FloatArray = NDArray[np.float64]


def _distinct(given: list[Any]) -> list[Any]:
    if len(set(given)) != len(given):
        raise ValueError("each must stand there once: a draw twice would pass for agreement")
    return given


def _prompt(prompt: str) -> str:
    if prompt.count("{e}") != 1:
        raise ValueError(f'"{prompt}" needs {{e}} once, where the emotion goes')
    return prompt


def _as_list(given: Any) -> Any:
    return [given] if isinstance(given, str) else given


Once = AfterValidator(_distinct)
_Text = Annotated[str, Field(min_length=1)]
Words = Annotated[list[_Text], BeforeValidator(_as_list), Field(min_length=1), Once]
Prompts = Annotated[list[Annotated[str, AfterValidator(_prompt)]], Field(min_length=1), Once]
PROMPTS = ("{e}", "this person sounds {e}.", "speech with {e} emotion")


def text_of(prompt: str, word: str, repeats: int) -> str:
    """The prompt with the word in it so many times.

    The word is repeated, not the whole prompt: what is said more often is the emotion, not the words around it.

    >>> text_of("this person sounds {e}.", "angry", 3)
    'this person sounds angry angry angry.'
    """
    return prompt.replace("{e}", " ".join([word] * repeats))


def words_for(name: str, words: Mapping[str, Sequence[str]]) -> list[str]:
    """What a class is called; where `words` does not say, by its name.

    >>> words_for("mildly_happy", {}), words_for("sad", {"sad": ["sad", "sorrowful"]})
    (['mildly happy'], ['sad', 'sorrowful'])
    """
    return list(words.get(name, ())) or [name.replace("_", " ").replace("-", " ")]


def mistakes_in_words(where: str, words: Mapping[str, Sequence[str]], classes: Sequence[str]) -> Iterator[str]:
    """Words for a class that there is not, and classes that nothing tells apart."""
    for unknown in sorted(words.keys() - set(classes)):
        yield f'{where}: no class "{unknown}"; known: {", ".join(classes)}'
    of_words: dict[tuple[str, ...], str] = {}
    for name in classes:
        called = tuple(words_for(name, words))
        if called in of_words:
            yield f"{where}: {of_words[called]} and {name} have the same words, so nothing tells them apart"
        of_words[called] = name


def class_vectors(
    prompts: Sequence[tuple[str, int]],
    words: Sequence[Sequence[str]],
    embed: Callable[[Sequence[str]], NDArray[np.float32]],
) -> FloatArray:
    """Each class in each prompt as a vector of length 1, shape (P, C, D); of several words the mean direction.

    Args:
        prompts: P of them, each with how often the word stands in it.
        words: What each of C classes is called.
        embed: Texts → vectors, shape (n, D); called once, with each text once.
    """
    texts = [[[text_of(prompt, word, repeats) for word in called] for called in words] for prompt, repeats in prompts]
    unique = list(dict.fromkeys(text for of_prompt in texts for of_class in of_prompt for text in of_class))
    vector_of = dict(zip(unique, embed(unique).astype(np.float64), strict=True))

    def of_class(some: list[str]) -> FloatArray:
        return ensemble(np.stack([vector_of[text] for text in some])[:, None])[0]

    return np.stack([np.stack([of_class(some) for some in of_prompt]) for of_prompt in texts])
