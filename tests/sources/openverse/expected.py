"""What the adapter makes of answer.json."""

from negbuild.model import Candidate, Search

ROUTES = {"/v1/images/": "answer.json"}
SEARCH = Search(text="poppy", limit=10)
CANDIDATES = [
    Candidate(
        source="openverse",
        source_id="0b5e1b6e-6f3a-4a67-9a0e-000000000001",
        url="https://live.staticflickr.com/1/1_a_b.jpg?x=1&y=2",
        page="https://www.flickr.com/photos/someone/1",
        title='Poppies "at dawn", Kent',
        author="Zoë Field",
        author_url="https://www.flickr.com/photos/someone",
        license="CC-BY-NC-SA-2.0",
        license_url="https://creativecommons.org/licenses/by-nc-sa/2.0/",
        width=1024,
        height=683,
    ),
    Candidate(
        source="openverse",
        source_id="0b5e1b6e-6f3a-4a67-9a0e-000000000002",
        url="https://museum.example/media/2.png",
        page="https://museum.example/objects/2",
        license="CC0-1.0",
        license_url="https://creativecommons.org/publicdomain/zero/1.0/",
    ),
]
