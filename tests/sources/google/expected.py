"""What the adapter makes of answer.html, which has each form of results that it reads."""

from negbuild.model import Candidate, Search

ROUTES = {"/search": "answer.html"}
SEARCH = Search(text="poppy", limit=10)
CANDIDATES = [
    Candidate(
        source="google",
        source_id="https://img.garden.example/poppy.png/latest?cb=1&s=2",
        url="https://img.garden.example/poppy.png/latest?cb=1&s=2",
        page="https://garden.example/poppies",
        title="Poppies & more",
        width=900,
        height=600,
    ),
    Candidate(
        source="google",
        source_id="https://fields.example/a%20b.jpeg?x=1",
        url="https://fields.example/a%20b.jpeg?x=1",
        page="https://fields.example/?id=7&l=en",
        width=1024,
        height=683,
    ),
    Candidate(
        source="google",
        source_id="https://wall.example/p?id=3&f=webp",
        url="https://wall.example/p?id=3&f=webp",
        page="https://wall.example/3",
        title="Wall of poppies",
        width=1800,
        height=1200,
    ),
    Candidate(
        source="google",
        source_id="https://hill.example/5=5",
        url="https://hill.example/5=5",
        page="https://hill.example/5=5",
        width=640,
        height=480,
    ),
]
