"""What the adapter makes of answer.json; the seed decides the order."""

from negbuild.model import Candidate, Search

ROUTES = {"/v2/list": "answer.json"}
SEARCH = Search(limit=10, seed=1)
CANDIDATES = [
    Candidate(
        source="picsum",
        source_id="12",
        url="{base}/id/12/600/900.jpg",
        page="https://unsplash.com/photos/b12",
        title="Picsum 12",
        author="Paul Jarvis",
        license="Unsplash License",
        license_url="https://unsplash.com/license",
        width=600,
        height=900,
    ),
    Candidate(
        source="picsum",
        source_id="0",
        url="{base}/id/0/1024/683.jpg",
        page="https://unsplash.com/photos/a0",
        title="Picsum 0",
        author="Alejandro Escamilla",
        license="Unsplash License",
        license_url="https://unsplash.com/license",
        width=5000,
        height=3333,
    ),
]
