"""What the adapter makes of answer.json."""

from negbuild.model import Candidate, Search

ROUTES = {"/v1/observations": "answer.json"}
SEARCH = Search(text="Danaus plexippus", limit=10)
CANDIDATES = [
    Candidate(
        source="inaturalist",
        source_id="72",
        url="https://open.example/photos/72/large.jpeg?1598551273",
        page="https://www.inaturalist.org/observations/9004",
        title="Monarch",
        author="Zoë Field",
        author_url="https://www.inaturalist.org/people/zoe_f",
        license="CC-BY-NC-4.0",
        license_url="https://creativecommons.org/licenses/by-nc/4.0/",
        width=1024,
        height=682,
    ),
    Candidate(
        source="inaturalist",
        source_id="73",
        url="https://open.example/photos/73/large",
        page="https://www.inaturalist.org/observations/9003",
        title="Danaus plexippus",
        author="ben",
        author_url="https://www.inaturalist.org/people/ben",
        license="CC0-1.0",
        license_url="https://creativecommons.org/publicdomain/zero/1.0/",
        width=600,
        height=800,
    ),
    Candidate(
        source="inaturalist",
        source_id="75",
        url="https://open.example/photos/75/large.png",
        page="https://www.inaturalist.org/observations/9002",
        author="Ann O'Nym",
        license="CC-BY-SA-4.0",
        license_url="https://creativecommons.org/licenses/by-sa/4.0/",
    ),
]
