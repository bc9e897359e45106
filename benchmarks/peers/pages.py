"""The main content of pages, one JSON string a line, by the tool that is named: a JSON list of texts."""

import json
import logging
import re
import sys
from html import unescape
from pathlib import Path

logging.disable(logging.CRITICAL)
tool, source, out = sys.argv[1:4]


def plain(html: str) -> str:
    """A fragment of HTML without its tags."""
    return unescape(re.sub(r"<[^>]+>", " ", html))


if tool in ("dadeum", "all of the page"):
    from dadeum.io.html import text_of

    def extract(html: str) -> str:
        return text_of(html, tool == "dadeum")[0]
elif tool == "trafilatura":
    import trafilatura

    def extract(html: str) -> str:
        return trafilatura.extract(html) or ""
elif tool == "resiliparse":
    from resiliparse.extract.html2text import extract_plain_text

    def extract(html: str) -> str:
        return extract_plain_text(html, main_content=True)
elif tool == "readability":
    from readability import Document

    def extract(html: str) -> str:
        return plain(Document(html).summary())
else:
    import justext

    words = justext.get_stoplist("English")

    def extract(html: str) -> str:
        return "\n".join(part.text for part in justext.justext(html.encode(), words) if not part.is_boilerplate)


texts = [extract(json.loads(line)) for line in Path(source).read_text(encoding="utf-8").splitlines()]
Path(out).write_text(json.dumps(texts), encoding="utf-8")
