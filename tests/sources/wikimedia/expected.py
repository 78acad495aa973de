"""What the adapter makes of answer.json."""

from negbuild.model import Candidate, Search

ROUTES = {"/w/api.php": "answer.json"}
SEARCH = Search(text="bridge", limit=10)
CANDIDATES = [
    Candidate(
        source="wikimedia",
        source_id="101",
        url="https://upload.example/thumb/b/bc/Old_bridge.jpg/960px-Old_bridge.jpg",
        page="https://commons.example/wiki/File:Old_bridge.jpg",
        title="Old bridge: Kent (2019).jpg",
        author="Zoë & co",
        author_url="https://commons.example/wiki/User:Zo%C3%AB",
        license="CC-BY-SA-3.0",
        license_url="https://creativecommons.org/licenses/by-sa/3.0/de/deed.en",
        width=960,
        height=720,
    ),
    Candidate(
        source="wikimedia",
        source_id="102",
        url="https://upload.example/a/ab/Mill_pond.png",
        page="https://commons.example/wiki/File:Mill_pond.png",
        title="Mill pond.png",
        author="Unknown author",
        license="public domain",
        license_url="https://commons.example/wiki/File:Mill_pond.png",
        width=640,
        height=480,
    ),
]
