"""What the adapter makes of the three lists: a3 to a5 and a7 are no pictures that people found to be without it."""

from negbuild.model import Candidate, Search

ROUTES = {
    "/v7/oidv7-class-descriptions.csv": "classes.csv",
    "/v7/oidv7-val-annotations-human-imagelabels.csv": "labels.csv",
    "/2018_04/validation/validation-images-with-rotation.csv": "images.csv",
}
SEARCH = Search(text="hot dog")
CANDIDATES = [
    Candidate(
        source="openimages",
        source_id="00000000000000a6",
        url="https://open-images-dataset.s3.amazonaws.com/validation/00000000000000a6.jpg",
        page="https://www.flickr.com/photos/six/6",
        title="Lunch, not what it\nseems",
        author='Ann "Six" O\'Hara',
        author_url="https://www.flickr.com/people/six/",
        license="CC-BY-2.0",
        license_url="https://creativecommons.org/licenses/by/2.0/",
    ),
    Candidate(
        source="openimages",
        source_id="00000000000000a1",
        url="https://open-images-dataset.s3.amazonaws.com/validation/00000000000000a1.jpg",
        page="https://www.flickr.com/photos/one/1",
        title="A dog",
        author="Zoë One",
        author_url="https://www.flickr.com/people/one/",
        license="CC-BY-2.0",
        license_url="https://creativecommons.org/licenses/by/2.0/",
    ),
    Candidate(
        source="openimages",
        source_id="00000000000000a2",
        url="https://open-images-dataset.s3.amazonaws.com/validation/00000000000000a2.jpg",
        page="https://farm3.staticflickr.com/3/2_o.jpg",
    ),
]
