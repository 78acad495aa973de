"""What the adapter makes of answer.json: the size asked for or the next one, each photo once, none that is gone."""

from negbuild.model import Candidate, Search

ENVIRONMENT = {"FLICKR_API_KEY": "key-of-nobody", "FLICKR_API_SECRET": "secret-of-nobody"}
ROUTES = {"/services/rest/": "answer.json"}
SEARCH = Search(text="poppy", limit=10)
CANDIDATES = [
    Candidate(
        source="flickr",
        source_id="51000000001",
        url="https://live.staticflickr.com/1/51000000001_bbbb_b.jpg",
        page="https://www.flickr.com/photos/zoefield/51000000001",
        title='Poppies "at dawn", Kent',
        author="Zoë Field",
        author_url="https://www.flickr.com/people/12345678@N00/",
        license="CC-BY-2.0",
        license_url="https://creativecommons.org/licenses/by/2.0/",
        width=1024,
        height=768,
    ),
    Candidate(
        source="flickr",
        source_id="51000000002",
        url="https://live.staticflickr.com/2/51000000002_cccc_z.jpg",
        page="https://www.flickr.com/photos/87654321@N00/51000000002",
        author="Small camera",
        author_url="https://www.flickr.com/people/87654321@N00/",
        license="All Rights Reserved",
        license_url="https://www.flickrhelp.com/hc/en-us/articles/"
        "10710266545556-Using-Flickr-images-shared-by-other-members",
        width=640,
        height=480,
    ),
    Candidate(
        source="flickr",
        source_id="51000000003",
        url="https://live.staticflickr.com/3/51000000003_eeee_k.jpg",
        page="https://www.flickr.com/photos/zoefield/51000000003",
        author="Zoë Field",
        author_url="https://www.flickr.com/people/12345678@N00/",
        license="CC-BY-NC-ND-4.0",
        license_url="https://creativecommons.org/licenses/by-nc-nd/4.0/",
    ),
    Candidate(
        source="flickr",
        source_id="51000000004",
        url="https://live.staticflickr.com/4/51000000004_9999_b.jpg",
        page="https://www.flickr.com/photo.gne?id=51000000004",
        title="A licence of the future, and nobody's",
    ),
]
