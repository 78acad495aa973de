"""Who is asked for what: one errand for each source and query, and the share of the pictures that falls to each."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from negbuild.addresses import host_of, is_no_address, shown
from negbuild.errors import SourceError, UsageError
from negbuild.manners import Manners
from negbuild.model import Candidate, Progress, no_progress
from negbuild.names import category_name, whole_characters
from negbuild.order import Order
from negbuild.source import Source, Takes, Web, find_source
from negbuild.workspace import Workspace

_OWN_FILES = {Takes.PATH, Takes.LIST}


@dataclass(frozen=True, slots=True)
class Errand:
    """One source, asked for one thing."""

    source: Source
    order: Order

    @property
    def subject(self) -> str:
        """What it is called before a person, such as `bing "street food"`."""
        text = self.order.search.text
        return f'{self.source.name} "{text}"' if text else self.source.name

    @property
    def base_url(self) -> str:
        """Address of the service: the one that a person gave for this errand, else what the source says."""
        return self.order.search.base_url or self.source.address()

    @property
    def official(self) -> bool:
        """Whether that is the service which the source itself names."""
        return self.base_url == self.source.base_url

    def check(self, workspace: Workspace) -> None:
        """Raise UsageError where the order does not suit the source or the workspace."""
        self.source.check(self.order.search)
        if not self.official and is_no_address(self.base_url):
            raise UsageError(
                f"source {self.source.name}: the address of its service, {shown(self.base_url)}, is not an http "
                "address; write it as in https://example.org"
            )
        if path := self.order.search.path:
            if not path.exists():
                raise UsageError(f"{path}: no such file or folder")
            if workspace.root.resolve().is_relative_to(path.resolve()):
                raise UsageError(f"{path}: holds the workspace itself; move the pictures into a folder of their own")
            if self.source.takes is Takes.PATH and any(
                path.resolve().is_relative_to(own) for own in workspace.own_pictures()
            ):
                raise UsageError(f"{path}: holds what negbuild made of this workspace; choose the folder it came from")

    def not_ready(self) -> SourceError | None:
        """Say what the source wants first, if anything."""
        if self.order.search.base_url and not self.source.base_url:
            return None  # all it wanted was an address
        problem = self.source.missing()
        return SourceError(f"source {self.source.name}: {problem}") if problem else None

    @property
    def key(self) -> tuple[str, str, str | None]:
        """What the catalog knows it by: source, query, and the category (None: several)."""
        category = None if self.order.category is None else category_name(self.order.category)
        return (self.source.name, self.order.search.text, category)

    def candidates(self, web: Web) -> Iterator[Candidate]:
        """Name candidates; whatever goes wrong with the source is told with its name."""
        return self.source.named(replace(self.order.search, base_url=self.base_url), web)

    def manners(self, manners: Manners) -> Manners:
        """Manners towards this source: the limits of a picture, its documented hosts, and what it grants to all."""
        service = host_of(self.base_url)
        return replace(
            manners,
            max_bytes=self.order.limits.max_bytes,
            documented=manners.documented.union([service, *self.source.documented] if service else []),
            allowances={service: self.source.allowances} if self.official and self.source.allowances else {},
        )


def errands(names: Sequence[str], queries: Sequence[str], order: Order) -> list[Errand]:
    """Give each source each query, once; those that take no query are asked once, beside others that take one.

    `order` holds what is the same for all; its category, where it has none, becomes the query or the source's name with
    its options, and stays open where folders tell it. Without names, the sources are Openverse, and Flickr where its
    key is set. An option, or a path, goes to those sources that have it. Raises UsageError where nobody has it, and
    where one address is given for several sources.
    """
    sources = [find_source(name) for name in dict.fromkeys(names)] or _default_sources()
    texts = [text for text in dict.fromkeys(whole_characters(query.strip()) for query in queries) if text]
    if order.search.base_url and len(sources) > 1:
        raise UsageError(
            f"--url {shown(order.search.base_url)}: is for one --source; set NEGBUILD_<SOURCE>_URL for several"
        )
    if order.search.path and not any(source.takes_path for source in sources):
        raise UsageError(f"source {sources[0].name}: takes no path; leave --path out")
    for name, value in order.search.options.items():
        if not any(name in source.option_names for source in sources):
            sources[0].check_option(name, value)
    return [
        Errand(source, _addressed_to(source, text, order))
        for source in sources
        for text in _texts(source, texts, order, alone=len(sources) == 1)
    ]


def _default_sources() -> list[Source]:
    flickr = find_source("flickr")
    return [find_source("openverse"), *([] if flickr.missing() else [flickr])]


def _texts(source: Source, queries: Sequence[str], order: Order, *, alone: bool) -> list[str]:
    if source.takes in {Takes.NOTHING, Takes.PATH_OR_NOTHING} and not alone:
        return [""]
    if source.takes in _OWN_FILES and order.search.path and not (alone and queries):
        return [whole_characters(order.search.path.stem)]  # the path itself stays on this machine
    return list(queries) or [""]


def _addressed_to(source: Source, text: str, order: Order) -> Order:
    options = {name: value for name, value in order.search.options.items() if name in source.option_names}
    search = replace(order.search, text=text, options=options)
    if order.category or source.takes is Takes.PATH:  # what lies in folders has categories of its own
        return replace(order, search=search)
    return replace(order, search=search, category=text or "_".join([source.name, *options.values()]))


def even_shares(wanted: int, held: Sequence[int], able: Collection[int]) -> list[int]:
    """Pictures that each errand should hold in the end, so that all hold `wanted`, as evenly as possible.

    `held` is what each holds by now, and nobody's share is less; only those whose index is in `able` can bring more.
    """
    shares = list(held)
    left = wanted - sum(number for index, number in enumerate(held) if index not in able)
    poorest_last = sorted(able, key=lambda index: (-held[index], -index))
    for place, index in enumerate(poorest_last):
        shares[index] = max(held[index], left // (len(poorest_last) - place))
        left -= shares[index]
    return shares


class Shares:
    """How many pictures each of several errands under way is to hold: what one cannot bring, the others do."""

    def __init__(self, wanted: int | None, held: Sequence[int], progress: Progress = no_progress) -> None:
        """Share out so many pictures (None: all there are), of which each errand holds some by now."""
        self._wanted, self._progress = wanted, progress
        self._at_first, self.held = list(held), list(held)
        self._able = set(range(len(held)))
        self._even = self._shared_out()

    def missing(self, errand: int) -> int | None:
        """Pictures that an errand, by its place, has still to bring, if no other ends short; None: all there are."""
        return None if self._wanted is None else max(0, self._even[errand] - self.held[errand])

    def lacks(self, errand: int) -> bool:
        """Whether an errand can bring more, and should."""
        return errand in self._able and self.missing(errand) != 0

    def hold(self, errand: int, number: int) -> None:
        """Note how many pictures an errand holds."""
        self.held[errand] = number
        self._progress(sum(self.held), self._wanted)

    def end(self, errand: int) -> None:
        """Note that an errand has no more to bring."""
        self._able.discard(errand)
        self._at_first[errand] = self.held[errand]
        self._even = self._shared_out()

    @property
    def reached(self) -> bool:
        """Whether nothing more is to be brought."""
        return not any(map(self.lacks, self._able))

    def _shared_out(self) -> list[int]:
        # By what each held at first, so that no share shrinks while its errand has pictures recorded.
        return [] if self._wanted is None else even_shares(self._wanted, self._at_first, self._able)


class Quota:
    """One errand's part of them."""

    def __init__(self, shares: Shares, place: int) -> None:
        """Stand for the errand at this place of the shares."""
        self._shares, self._place = shares, place
        self.before = shares.held[place]
        """Pictures that it held at first."""

    @property
    def held(self) -> int:
        """Pictures that it holds."""
        return self._shares.held[self._place]

    @property
    def missing(self) -> int | None:
        """Pictures that it has still to bring; None: all there are."""
        return self._shares.missing(self._place)

    @property
    def lacks(self) -> bool:
        """Whether it can bring more, and should."""
        return self._shares.lacks(self._place)

    @property
    def is_last(self) -> bool:
        """Whether no other errand, either, is to bring more."""
        return self._shares.reached

    def add(self, number: int) -> None:
        """Note so many more pictures."""
        self._shares.hold(self._place, self.held + number)

    def end(self) -> None:
        """Note that it has no more to bring."""
        self._shares.end(self._place)
