"""The commands of `negbuild demo`: the whole way on photographs that come with scikit-image."""

KNOWN = {"coffee": 24}
UNKNOWN = {"astronaut": 20, "brick": 20, "camera": 20, "cat": 12, "coins": 12, "motorcycle": 20, "tissue": 20}
UNSEEN = {"gravel": 20, "rocket": 20}


def _crawl(photograph: str, number: int, role: str) -> list[str]:
    return ["crawl", "--source", "samples", "--query", photograph, "--role", role, "-n", str(number)]


COMMANDS: list[list[str]] = [
    ["init"],
    *(_crawl(*sample, "known") for sample in KNOWN.items()),
    *(_crawl(*sample, "unknown") for sample in UNKNOWN.items()),
    *(_crawl(*sample, "unseen") for sample in UNSEEN.items()),
    ["dedup"],
    ["status"],
    ["split"],
    ["verify", "dataset"],
    ["report"],
]

NEXT = """\
Now with your own photos:
  negbuild add my-photos/ --category hotdog --role known --workspace hotdogs
  negbuild crawl --query "street food" -n 200 --workspace hotdogs
  negbuild split --workspace hotdogs
"""
