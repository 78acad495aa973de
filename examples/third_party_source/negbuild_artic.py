"""Public-domain art of the Art Institute of Chicago by search; no key, 1,000 a query."""

from collections.abc import Iterator

from negbuild import Candidate, Search, Source, Takes
from negbuild.source import Allowance, Gives, Web, creative_commons, read_json, refusal

PAGE_SIZE, MOST_PAGES = 100, 10  # the service shows no more
FIELDS = "id,title,artist_title,image_id"


def search(search: Search, web: Web) -> Iterator[Candidate]:
    """Page through the results of one query, most relevant first."""
    for page in range(1, MOST_PAGES + 1):
        wanted: dict[str, str | int] = {
            "q": search.text,
            "query[term][is_public_domain]": "true",
            "fields": FIELDS,
            "limit": PAGE_SIZE,
        }
        body = read_json("artic", web.get(f"{search.base_url}/api/v1/artworks/search", {**wanted, "page": page}))
        try:
            pictures, pages = body["config"]["iiif_url"], body["pagination"]["total_pages"]
            for work in body["data"]:
                if work["image_id"]:
                    yield _candidate(work, pictures)
        except (KeyError, TypeError):
            raise refusal("artic", 200) from None
        if page >= pages:
            return


def _candidate(work: dict[str, str], pictures: str) -> Candidate:
    license_, license_url = creative_commons("cc0", "1.0")
    return Candidate(
        source="artic",
        source_id=str(work["id"]),
        url=f"{pictures}/{work['image_id']}/full/843,/0/default.jpg",  # the width that its cache holds
        page=f"https://www.artic.edu/artworks/{work['id']}",
        title=work["title"] or "",
        author=work["artist_title"] or "",
        license=license_,
        license_url=license_url,
    )


SOURCE = Source(
    name="artic",
    summary=__doc__,
    search=search,
    takes=Takes.QUERY,
    example="landscape",
    base_url="https://api.artic.edu",
    documented=("www.artic.edu",),
    allowances=(Allowance(60, 60),),
    gives=(Gives.FAR,),
    bounds="1,000 a query, 60 calls a minute",
)
