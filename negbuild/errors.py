"""What can go wrong, and the exit code that says so.

NegbuildError             1  unexpected
+-- UsageError            2  a request that cannot be met as it stands
|   +-- LibraryMissing    2  an optional library is not installed; an ImportError as well
+-- TooFewPictures        3  a source ran dry before the number asked for
+-- SourceError           4  a source refused, failed or is not ready; what exactly, says its class
+-- VerificationFailed    5  a dataset does not keep its promises
+-- CatalogError          1  a catalog that cannot be read
+-- WorkspaceBusy         1  another negbuild is writing
+-- StorageFull           1  no space left
+-- PictureLost           1  a picture that is held is missing from the store, or damaged in it

A message reads `subject: fault`, in lower case, without a full stop, followed by the next step where there is one.
"""

from pathlib import Path
from shlex import quote


def typed(path: Path) -> str:
    """Write a path as it can be typed, for the command that a message names."""
    return quote(str(path))


class NegbuildError(Exception):
    """Root of all errors that negbuild raises on purpose."""

    exit_code = 1


class UsageError(NegbuildError):
    """A request that cannot be met as it stands."""

    exit_code = 2


class LibraryMissing(UsageError, ImportError):  # noqa: N818  the name says it
    """An optional library is not installed."""


class TooFewPictures(NegbuildError):  # noqa: N818  the name says it
    """A source ran dry before the number of pictures asked for."""

    exit_code = 3


class SourceError(NegbuildError):
    """A source refused, failed or is not ready; `verdict` says in two words what is wrong with it."""

    exit_code = 4
    verdict = "failed"


class KeyRefused(SourceError):  # noqa: N818  the name says it
    """The service does not accept the key, or wants one."""

    verdict = "key refused"


class QuotaExhausted(SourceError):  # noqa: N818  the name says it
    """What the service grants is used up for now."""

    verdict = "quota used up"


class Blocked(SourceError):  # noqa: N818  the name says it
    """The service does not let programs in: a captcha, a consent page, a refusal."""

    verdict = "blocked"


class FormChanged(SourceError):  # noqa: N818  the name says it
    """The service answers in another form than its adapter reads."""

    verdict = "page form changed"


class NothingFound(SourceError):  # noqa: N818  the name says it
    """A search engine shows no results, which is how it often hides a refusal."""

    verdict = "found nothing"


class Unreachable(SourceError):  # noqa: N818  the name says it
    """The service cannot be reached, or only tells of its own failure."""

    verdict = "unreachable"


class Moved(SourceError):  # noqa: N818  the name says it
    """The service sends its callers to another host, at `url`."""

    verdict = "has moved"

    def __init__(self, message: str, url: str) -> None:
        super().__init__(message)
        self.url = url


class NetworkDown(SourceError):  # noqa: N818  the name says it
    """Our own network or name service fails: nothing is said about any source or picture."""

    verdict = "no network"


class VerificationFailed(NegbuildError):  # noqa: N818  the name says it
    """A dataset does not keep its promises."""

    exit_code = 5


class CatalogError(NegbuildError):
    """A catalog that is damaged, foreign, or newer than this negbuild."""


class WorkspaceBusy(NegbuildError):  # noqa: N818  the name says it
    """Another negbuild is writing to the workspace."""


class StorageFull(NegbuildError):  # noqa: N818  the name says it
    """No space is left where negbuild writes."""


class PictureLost(NegbuildError):  # noqa: N818  the name says it
    """A picture that is held is missing from the store or, if there is a word on that, damaged in it."""

    def __init__(self, sha256: str, damage: str = "", name: str = "") -> None:
        super().__init__(sha256, damage, name)  # all of them, so that it can come from another process
        self.sha256, self.damage, self.name = sha256, damage, name

    def __str__(self) -> str:
        subject = f"picture {self.sha256} ({self.name})" if self.name else f"picture {self.sha256}"
        again = "run negbuild add on a folder that has it, or put images/ back from a copy"
        if not self.damage:
            return f"{subject}: is lost from the store; {again}"
        # Bytes that are wrong, and as many as they should be, are not written again while they are there.
        return (
            f"{subject}: is damaged in the store ({self.damage}); "
            f"delete images/{self.sha256[:2]}/{self.sha256}.*, then {again}"
        )
