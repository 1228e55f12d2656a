"""One quota for all machines: a global concurrency limit of the Prefect server that they all know."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.responses import GlobalConcurrencyLimitResponse
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings

from flows.settings import PipelineSettings
from tasks.asking.limits import LimitSettings
from tasks.asking.shared_quota import QuotaSize, SharedQuotaLostError
from tasks.contracts.errors import SettingsError

_EXAMPLE_PER_MINUTE = 1000.0


@dataclass
class PrefectQuota:
    """Keeps `SharedQuota`.

    Not `prefect.concurrency.asyncio.rate_limit`, which asks the server the same: it makes a new client for each call
    (80 ms against 8 ms with one that stays open), and a thread of its own, which goes on asking when the run is over.
    """

    setting: str  # as it stands in pipelines.yaml, for messages
    limits: LimitSettings
    _client: PrefectClient | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """The limit's."""
        assert self.limits.shared is not None
        return self.limits.shared

    def size(self) -> QuotaSize:
        """See `SharedQuota`."""
        limit = self._read()
        if not limit.active:
            raise self._wrong(f"is not active and holds nobody back. Run `prefect gcl update {self.name} --enable`.")
        if not limit.limit:
            raise self._wrong(f"lets nothing through. Run `prefect gcl update {self.name} {self._options()}`.")
        if not limit.slot_decay_per_second:
            raise self._wrong(
                "has no slot decay, so that a slot once taken never comes free again. "
                f"Run `prefect gcl update {self.name} {self._options()}`."
            )
        return QuotaSize(limit.limit, limit.slot_decay_per_second)

    async def take(self, slots: int) -> None:
        """See `SharedQuota`. Prefect's client asks a silent server again for about a minute before it gives up."""
        if self._client is None:
            self._client = await get_client().__aenter__()
        while True:
            try:
                response = await self._client.increment_concurrency_slots([self.name], slots, mode="rate_limit")
            except httpx.HTTPStatusError as error:
                if error.response.status_code != httpx.codes.LOCKED:
                    raise self._lost(f"the Prefect server refuses slots of it: {error.response.text}") from error
                await asyncio.sleep(float(error.response.headers["Retry-After"]))
            except httpx.TransportError as error:
                raise self._lost(f"the Prefect server does not answer any more ({error!r})") from error
            else:
                if not response.json():  # what Prefect answers for a limit that is not there
                    raise self._lost("the Prefect server has no such concurrency limit any more")
                return

    async def close(self) -> None:
        """See `SharedQuota`."""
        if self._client is not None:
            await self._client.__aexit__(None, None, None)
            self._client = None

    def _read(self) -> GlobalConcurrencyLimitResponse:
        url = get_current_settings().api.url
        if url is None:
            raise SettingsError(
                f"{self.setting}: PREFECT_API_URL is not set, and a temporary Prefect server shares nothing with other "
                "machines. Start a lasting one with `prefect server start`, set the variable on each machine and run "
                f"`{self._create()}` once; or take {self.setting} away."
            )
        try:
            with get_client(sync_client=True) as client:
                return client.read_global_concurrency_limit_by_name(self.name)
        except ObjectNotFound as error:
            raise SettingsError(
                f'{self.setting}: the Prefect server at {url} has no concurrency limit "{self.name}". Make it once, '
                f"for the calls of all machines together: `{self._create()}`"
            ) from error
        except (httpx.HTTPStatusError, httpx.TransportError) as error:
            raise SettingsError(
                f'{self.setting}: the Prefect server at {url} does not tell about its concurrency limit "{self.name}" '
                f"({error!r}). Is it running, and PREFECT_API_URL right?"
            ) from error

    def _create(self) -> str:
        return f"prefect gcl create {self.name} {self._options()}"

    def _options(self) -> str:
        """Of Prefect's command, so that any minute stays within the machine's own limit: a full limit, then decay."""
        per_minute = self.limits.requests_per_minute or _EXAMPLE_PER_MINUTE
        limit = max(1, int(per_minute / 61))
        decay_per_s = (per_minute - limit) / 60 if per_minute > limit else per_minute / 60
        return f"--limit {limit} --slot-decay-per-second {decay_per_s:.4g}"

    def _wrong(self, what: str) -> SettingsError:
        return SettingsError(f'{self.setting}: the Prefect server\'s concurrency limit "{self.name}" {what}')

    def _lost(self, why: str) -> SharedQuotaLostError:
        return SharedQuotaLostError(f'the shared quota "{self.name}" is lost: {why}')


def shared_quota(settings: PipelineSettings, teacher: str) -> PrefectQuota | None:
    """The quota that this paid teacher shares with other machines."""
    limits = settings.paid[teacher].limits
    return PrefectQuota(f"teachers.{teacher}.limits.shared", limits) if limits.shared else None


def check_shared(settings: PipelineSettings, teachers: Iterable[str]) -> None:
    """Raises SettingsError where a teacher's shared quota is not there, before anything is computed or paid."""
    for quota in [shared_quota(settings, teacher) for teacher in teachers]:
        if quota is not None:
            quota.size()
