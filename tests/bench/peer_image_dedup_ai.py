"""Hash every picture of a folder with image-dedup-ai; runs in the environment of `peers-twins.txt`.

`peer_image_dedup_ai.py FOLDER` prints {"phash": {name: hex}} as JSON.
"""

import json
import sys
from pathlib import Path

from image_dedup_ai import hash_image

if __name__ == "__main__":
    print(json.dumps({"phash": {file.name: hash_image(str(file)) for file in sorted(Path(sys.argv[1]).iterdir())}}))
