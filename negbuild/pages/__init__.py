"""The pages that negbuild writes: templates, and what fills them."""

from importlib.resources import files

import jinja2

from negbuild import __version__
from negbuild.findings import Findings

_SECTIONS = {
    "next": "Next",
    "counts": "Held",
    "dataset": "Dataset",
    "pictures": "Pictures",
    "twins": "Copies",
    "conflicts": "Conflicts",
    "licences": "Licences",
}


def report_page(findings: Findings) -> str:
    """Lay the findings out as one HTML page that needs nothing beside it."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    template = environment.from_string(_text("report.html"))
    shown = {name: title for name, title in _SECTIONS.items() if name != "dataset" or findings.written}
    return template.render(
        page=findings,
        sections=list(shown.items()),
        style=_text("report.css"),
        version=__version__,
    )


def _text(name: str) -> str:
    return (files("negbuild.pages") / name).read_text(encoding="utf-8")
