"""Serve Debian's searx on loopback, its image engines pointed at one address: searx_server.py PORT UPSTREAM FORMAT...

To be run by the system's Python, which sees Debian's modules. FORMAT is html, json or both.
"""

import importlib
import json
import os
import sys
import tempfile
from typing import Any

RESOURCES = "/usr/share/python3-searx"
FLICKR = "/services/rest/?api_key={api_key}&{text}&per_page={nb_per_page}&page={page}"
SETTINGS: dict[str, Any] = {
    "general": {"debug": False, "instance_name": "loopback"},
    "brand": {},
    # An engine that failed is asked again at once; but one that was refused rests for an hour, whatever is set.
    "search": {"safe_search": 0, "autocomplete": "", "ban_time_on_fail": 0, "max_ban_time_on_fail": 0},
    "server": {"bind_address": "127.0.0.1", "base_url": False, "secret_key": "no secret", "image_proxy": False},
    "ui": {
        "static_path": f"{RESOURCES}/static",
        "templates_path": f"{RESOURCES}/templates",
        "default_theme": "oscar",
        "default_locale": "",
        "theme_args": {"oscar_style": "logicodev"},
    },
    "outgoing": {"request_timeout": 2.0},
    "locales": {"en": "English"},
    "doi_resolvers": {"none": "https://doi.example/"},
    "default_doi_resolver": "none",
}


def settings(port: int, upstream: str, formats: list[str]) -> dict[str, Any]:
    engines = [
        {"name": "flickr", "engine": "flickr", "shortcut": "fl", "api_key": "none", "url": f"{upstream}{FLICKR}"},
        {"name": "openverse", "engine": "openverse", "shortcut": "opv", "base_url": f"{upstream}/v1/images/"},
        {"name": "bing images", "engine": "bing_images", "shortcut": "bii", "base_url": f"{upstream}/"},
    ]
    return {
        **SETTINGS,
        "search": {**SETTINGS["search"], "formats": formats},
        "server": {**SETTINGS["server"], "port": port, "http_protocol_version": "1.0"},
        "engines": [{"categories": "images", "enable_http": True, **engine} for engine in engines],
    }


def main() -> None:
    port, upstream, *formats = sys.argv[1:]
    with tempfile.NamedTemporaryFile("w", suffix=".yml", encoding="utf-8") as file:
        json.dump(settings(int(port), upstream, formats), file)  # every JSON text is YAML
        file.flush()
        os.environ["SEARX_SETTINGS_PATH"] = file.name
        webapp = importlib.import_module("searx.webapp")
    flask = importlib.import_module("flask")

    def as_searxng_does() -> None:
        """Refuse formats that the settings do not name; searx 1.1 has all of them, always."""
        if flask.request.args.get("format", "html") not in formats:
            flask.abort(403)

    webapp.app.before_request(as_searxng_does)
    webapp.run()


main()
