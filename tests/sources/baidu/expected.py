"""What the adapter makes of answer.json, which it asks for once the front page gave its cookie."""

from negbuild.model import Candidate, Search

ROUTES = {"/": "front.html", "/search/acjson": "answer.json"}
SEARCH = Search(text="罂粟花", limit=10)
CANDIDATES = [
    Candidate(
        source="baidu",
        source_id="https://img.garden.example/Poppy_1.png?w=900",
        url="https://img.garden.example/Poppy_1.png?w=900",
        page="http://garden.example/poppies",
        title="红色罂粟花 & 'more'",
        width=900,
        height=600,
    ),
    Candidate(
        source="baidu",
        source_id="https://plain.example/poppy",
        url="https://plain.example/poppy",
        page="https://plain.example/",
        title="花 红",
        width=640,
        height=480,
    ),
    Candidate(
        source="baidu",
        source_id="https://fields.example/2.webp",
        url="https://fields.example/2.webp",
        page="https://fields.example/2",
    ),
    Candidate(
        source="baidu",
        source_id="https://img0.baidu.example/it/u=4,4&fm=253",
        url="https://img0.baidu.example/it/u=4,4&fm=253",
        page="https://img0.baidu.example/it/u=4,4&fm=253",
        title="4 < 5",
    ),
]
