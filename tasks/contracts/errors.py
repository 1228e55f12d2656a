"""Every mistake that `mifuse` reports without a traceback, with the exit code it ends in."""


class MifuseError(Exception):
    """Something a user can act on. The message says what was found, where, what was expected and what to do next."""

    exit_code = 2


class SettingsError(MifuseError):
    """`pipelines.yaml` or a command-line option is wrong."""


class ClipsError(MifuseError):
    """The audio folder, the manifest or the gold labels cannot be used."""


class CheckpointError(MifuseError):
    """A classifier, encoder or student folder cannot be used."""


class CacheError(MifuseError):
    """The cache folder cannot be read or written."""


class DiskError(MifuseError, OSError):
    """A disk is full, may not be written to, or fails."""


class TableError(MifuseError):
    """A Parquet table does not keep its contract."""


class PublishError(MifuseError):
    """Results cannot be copied to where the pipeline says."""


class DrawsError(MifuseError):
    """The teachers' draws do not allow what was asked of them."""


class TrainingError(MifuseError):
    """Training cannot go on, or would not mean anything."""


class KeyMissingError(MifuseError):
    """A provider needs an API key and none is set."""


class QuotaError(MifuseError):
    """A daily quota or a budget is spent; everything so far is kept."""

    exit_code = 3


class ProviderError(MifuseError):
    """The provider is out, or too few clips got a usable answer; everything so far is kept."""

    exit_code = 4
    paid_usd = 0.0  # before it came to that: who asks again may spend only what is left
