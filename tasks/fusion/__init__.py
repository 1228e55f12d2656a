"""Rules that turn the teachers' draws into weights; all make one promise. This union is the list of them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tasks.fusion.entropy import EntropyRule
from tasks.fusion.equal import EqualRule
from tasks.fusion.mutual_information import MutualInformationRule
from tasks.fusion.single import SingleRule

Rule = Annotated[EntropyRule | EqualRule | MutualInformationRule | SingleRule, Field(discriminator="kind")]
