"""Gaussian classes written out in NumPy and SciPy, a second time."""

import numpy as np
from scipy import stats


def covariance_literally(seen_ND: np.ndarray, q_NC: np.ndarray, mu_CD: np.ndarray) -> np.ndarray:
    """Every clip's distance to every class, all at once."""
    n, d = seen_ND.shape
    away_CND = seen_ND - mu_CD[:, None]
    scatter = np.einsum("nc,cnd,cne->de", q_NC, away_CND, away_CND) / n
    fourth = np.einsum("nc,cn->", q_NC, np.sum(away_CND**2, axis=2) ** 2) / n
    sphere = np.trace(scatter) / d * np.eye(d)
    rho = min(1.0, (fourth - np.sum(scatter**2)) / (n * np.sum((scatter - sphere) ** 2)))
    return (1 - rho) * scatter + rho * sphere


def means_of(seen_ND: np.ndarray, q_NC: np.ndarray) -> np.ndarray:
    return (q_NC.T @ seen_ND) / q_NC.sum(axis=0)[:, None]


def log_densities(seen_ND: np.ndarray, mu_CD: np.ndarray, sigma_DD: np.ndarray) -> np.ndarray:
    return np.array([stats.multivariate_normal(mu, sigma_DD).logpdf(seen_ND) for mu in mu_CD]).T
