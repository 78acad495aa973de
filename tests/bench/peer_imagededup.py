"""Hash every picture of a folder with imagededup; runs in the environment of `peers-twins.txt`.

`peer_imagededup.py FOLDER` prints {"phash": {name: hex}, "dhash": {name: hex}} as JSON.
"""

import json
import logging
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

# Its networks are not what is compared, and they need a torchvision that fits the torch at hand.
for module, name in (("methods.cnn", "CNN"), ("utils.models", "CustomModel")):
    networks: Any = ModuleType(f"imagededup.{module}")
    setattr(networks, name, None)
    sys.modules[f"imagededup.{module}"] = networks

from imagededup.methods import DHash, PHash  # noqa: E402  only now

if __name__ == "__main__":
    logging.disable()
    files = sorted(Path(sys.argv[1]).iterdir())
    print(
        json.dumps(
            {
                name: {file.name: method.encode_image(str(file)) for file in files}
                for name, method in (("phash", PHash(verbose=False)), ("dhash", DHash(verbose=False)))
            }
        )
    )
