"""How negbuild behaves on the web: who it says it is, what it obeys, what it allows, how long it waits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from negbuild import __version__
from negbuild.hosts import DEFAULT_PACE, Pace
from negbuild.source import Allowance


@dataclass(frozen=True, slots=True)
class Manners:
    """What a person can set of it. Times are in seconds.

    `connect` is how long a host may take to accept a connection, `silence` how long it may say nothing, `deadline` how
    long one try may take in all, `longest_wait` how long a host's wish to be left alone is waited for. `min_speed` is
    in bytes a second, over any time longer than `silence`. `documented` names hosts whose programming interface these
    requests are, so that their robots.txt, which speaks to crawlers, is not asked; `allowances` are what services
    grant, by host. `use_proxy` follows HTTP_PROXY and its like, and leaves it to the proxy which addresses are reached.
    """

    contact: str = ""
    allow_private: bool = False
    obey_opt_outs: bool = True
    use_proxy: bool = False
    max_bytes: int = 32 * 2**20
    pace: Pace = DEFAULT_PACE
    connect: float = 10.0
    silence: float = 10.0
    deadline: float = 60.0
    longest_wait: float = 90.0
    min_speed: int = 1024
    documented: frozenset[str] = frozenset()
    allowances: Mapping[str, Sequence[Allowance]] = field(default_factory=dict)

    @property
    def user_agent(self) -> str:
        """Name of the tool, its version, and whom to write to."""
        contact = f"contact: {self.contact}" if self.contact else "no contact given"
        return f"negbuild/{__version__} (builds image datasets; {contact})"
