"""What the adapter makes of answer.json."""

from negbuild.model import Candidate, Search

ROUTES = {"/search": "answer.json"}
SEARCH = Search(text="kite", options={"pages": "1"})
CANDIDATES = [
    Candidate(
        source="searxng",
        source_id="https://pictures.example/kite.jpg?w=1",
        url="https://pictures.example/kite.jpg?w=1",
        page="https://kites.example/how-to",
        title="How to build a kite",
        width=1000,
        height=750,
    ),
    Candidate(
        source="searxng",
        source_id="https://live.example/7_o.jpg",
        url="https://live.example/7_o.jpg",
        page="https://www.flickr.com/photos/someone/7",
        title="Über dem Strand",
        author="Zoë Field",
    ),
    Candidate(
        source="searxng",
        source_id="https://media.example/Kite.png",
        url="https://media.example/Kite.png",
        page="https://commons.example/wiki/File:Kite.png",
        title="Kite",
        width=1440,
        height=960,
    ),
    Candidate(
        source="searxng",
        source_id="https://old.example/kite.gif",
        url="https://old.example/kite.gif",
        page="https://old.example/kites",
        title="As searx 1.1 has it",
        width=640,
        height=480,
    ),
]
