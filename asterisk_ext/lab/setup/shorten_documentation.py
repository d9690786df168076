"""shorten_documentation.py FILE: shorten Asterisk's documentation to what it starts by.

For each of its functions, applications and events Asterisk looks through all of it, which takes more than half of its
start. Options that are not documented it refuses (``configInfo``); of the rest it misses nothing but the name.
"""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree

WHOLE, NONE = "configInfo", "module"


def main(path: Path) -> None:
    """Replaced in one step: a lab's Asterisk may be about to read it."""
    tree = ElementTree.parse(path)  # noqa: S314 - Debian's own, as is the Asterisk that reads it
    everything = tree.getroot()
    for element in list(everything):
        if element.tag == NONE:
            everything.remove(element)
        elif element.tag != WHOLE:
            element[:] = element.findall("synopsis")
    draft = path.with_suffix(".new")
    tree.write(draft, encoding="UTF-8", xml_declaration=True)
    draft.replace(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
