"""What the adapter makes of answer.html."""

from negbuild.model import Candidate, Search

ROUTES = {"/images/async": "answer.html"}
SEARCH = Search(text="poppy", limit=10)
CANDIDATES = [
    Candidate(
        source="bing",
        source_id="https://img.garden.example/poppy.png?w=900&sig=A%2Fb",
        url="https://img.garden.example/poppy.png?w=900&sig=A%2Fb",
        page="https://garden.example/poppies?id=1&lang=en",
        title='Red poppy "at dawn"',
        width=900,
        height=600,
    ),
    Candidate(
        source="bing",
        source_id="http://fields.example/media/3442_2972/0",
        url="http://fields.example/media/3442_2972/0",
        page="http://fields.example/media/3442_2972/0",
        title="Fields > hills",
    ),
    Candidate(
        source="bing",
        source_id="https://shop.example/P.WEBP",
        url="https://shop.example/P.WEBP",
        page="https://shop.example/",
        title="Gärten",
        width=1024,
        height=683,
    ),
]
