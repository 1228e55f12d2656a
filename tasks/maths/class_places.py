"""Where classes lie among clips: Gaussians of one covariance, fitted to soft labels; streams over many clips."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.maths.distributions import as_like
from tasks.maths.uncertainty import Array

FloatArray = NDArray[np.float64]

TEMPER = 0.5  # a place's dimensions are not independent of each other given the class, as a Gaussian takes them to be
_CHUNK_CLIPS = 100_000  # in double precision at once
_NO_MASS = 1e-9  # of clips: a class that nobody names lies at the mean of all
_ROUNDING = 1e-24  # of the mean square: what is left of a spread where all clips lie in one place
_LEAST_WITHIN = 1e-6  # of the spread of all clips: within a class, where each class is one clip


@dataclass(frozen=True)
class ClassPlaces:
    """What sets the classes' log-densities apart is linear in a clip's place.

    Attributes:
        slopes_DC: Times a clip's place, plus
        offsets_C: is the class's log-density, tempered, but for a number that all classes share.
    """

    slopes_DC: FloatArray
    offsets_C: FloatArray

    def log_odds(self, seen_ND: Array, like: Array) -> Array:
        """TEMPER log N(seen_n; mu_c, Sigma) but for a constant per clip, shape (N, C), as an array like `like`."""
        slopes_DC, offsets_C = as_like(self.slopes_DC, like), as_like(self.offsets_C, like)
        return as_like(seen_ND, like) @ slopes_DC + offsets_C


class PlaceSums:
    """Sums over the clips that do not change from one iteration to the next; places count from their mean.

    Args:
        seen_ND: The clips' places, kept in the precision that they come in.
    """

    def __init__(self, seen_ND: NDArray[np.floating]) -> None:
        self._seen_ND, self._count = seen_ND, max(len(seen_ND), 1)
        self._centre_D = np.zeros(seen_ND.shape[1])
        self._centre_D = sum((self._places(at).sum(axis=0) for at in self._chunks()), self._centre_D) / self._count
        products = ((place_BD := self._places(at)).T @ place_BD for at in self._chunks())
        self._products_DD = sum(products, np.zeros((seen_ND.shape[1],) * 2))

    def classes(self, q_NC: FloatArray) -> ClassPlaces:
        r"""The Gaussians that fit soft labels q best, all classes alike before a clip is seen::

            n_c = sum_n q_nc                        mu_c = sum_n q_nc seen_n / n_c
            S = 1/N sum_nc q_nc (seen_n - mu_c)(seen_n - mu_c)^T
            Sigma = (1 - rho) S + rho tr(S)/D I     rho: see `_shrinkage`

        Shared covariance as in linear discriminant analysis. Since q sums to 1, S = 1/N (sum_n seen seen^T - sum_c n_c
        mu_c mu_c^T): the products are summed once. Of clips that all lie in one place, or of none: places that say
        nothing.
        """
        mass_C = q_NC.sum(axis=0)
        sums = (q_NC[at].T @ self._places(at) for at in self._chunks())
        mu_CD = sum(sums, np.zeros((q_NC.shape[1], len(self._centre_D)))) / (mass_C + _NO_MASS)[:, None]
        covariance_DD = (self._products_DD - (mu_CD * mass_C[:, None]).T @ mu_CD) / self._count
        # Solved, not inverted. The quadratic term in the place is the same for all classes and falls out.
        slopes_DC = np.linalg.solve(self._shrunk(covariance_DD, q_NC, mu_CD), mu_CD.T)
        offsets_C = -0.5 * np.einsum("cd,dc->c", mu_CD, slopes_DC) - self._centre_D @ slopes_DC
        return ClassPlaces(TEMPER * slopes_DC, TEMPER * offsets_C)

    def log_odds(self, places: ClassPlaces) -> FloatArray:
        """Of the clips that were summed, shape (N, C)."""
        like = places.offsets_C
        parts = [places.log_odds(self._seen_ND[at], like) for at in self._chunks()]
        return np.concatenate([np.zeros((0, len(like))), *parts])

    def _shrunk(self, covariance_DD: FloatArray, q_NC: FloatArray, mu_CD: FloatArray) -> FloatArray:
        """Never singular: all clips in one place have a sphere of radius 1."""
        dim = len(covariance_DD)
        spread = np.trace(self._products_DD) / self._count / dim
        if not spread > _ROUNDING * (self._centre_D**2).mean():
            return np.eye(dim)
        rho = self._shrinkage(covariance_DD, q_NC, mu_CD)
        radius = max(rho * np.trace(covariance_DD) / dim, _LEAST_WITHIN * spread)
        shrunk_DD: FloatArray = (1 - rho) * covariance_DD + radius * np.eye(dim)
        return shrunk_DD

    def _shrinkage(self, covariance_DD: FloatArray, q_NC: FloatArray, mu_CD: FloatArray) -> float:
        r"""How far toward a sphere, after Ledoit and Wolf 2004 (doi:10.1016/S0047-259X(03)00096-4), labels soft::

        rho = min(1, [1/N sum_nc q_nc |seen_n - mu_c|^4 - |S|^2] / (N |S - tr(S)/D I|^2))
        """
        sphere_DD = np.trace(covariance_DD) / len(covariance_DD) * np.eye(len(covariance_DD))
        distance = float(((covariance_DD - sphere_DD) ** 2).sum())
        fourth = sum((q_NC[at] * self._squared_distances(at, mu_CD) ** 2).sum() for at in self._chunks())
        noise = max(float(fourth) / self._count - float((covariance_DD**2).sum()), 0) / self._count
        return min(1.0, noise / distance) if distance > 0 else 1.0

    def _squared_distances(self, at: slice, mu_CD: FloatArray) -> FloatArray:
        place_BD = self._places(at)
        squares_BC = (place_BD**2).sum(axis=1)[:, None] - 2 * place_BD @ mu_CD.T + (mu_CD**2).sum(axis=1)
        return np.maximum(squares_BC, 0.0)

    def _places(self, at: slice) -> FloatArray:
        places_BD: FloatArray = self._seen_ND[at].astype(np.float64) - self._centre_D
        return places_BD

    def _chunks(self) -> Iterator[slice]:
        yield from (slice(at, at + _CHUNK_CLIPS) for at in range(0, len(self._seen_ND), _CHUNK_CLIPS))
