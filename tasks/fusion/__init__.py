"""Rules that turn the teachers' draws into labels; all make one promise. This union is the list of them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tasks.fusion.dawid_skene import DawidSkeneRule
from tasks.fusion.entropy import EntropyRule
from tasks.fusion.equal import EqualRule
from tasks.fusion.generative import GenerativeRule
from tasks.fusion.glad import GLADRule
from tasks.fusion.kl_gated import KLGatedRule
from tasks.fusion.mace import MACERule
from tasks.fusion.mutual_information import MutualInformationRule
from tasks.fusion.product_of_experts import ProductOfExpertsRule
from tasks.fusion.single import SingleRule

Rule = Annotated[
    DawidSkeneRule
    | EntropyRule
    | EqualRule
    | GenerativeRule
    | GLADRule
    | KLGatedRule
    | MACERule
    | MutualInformationRule
    | ProductOfExpertsRule
    | SingleRule,
    Field(discriminator="kind"),
]
