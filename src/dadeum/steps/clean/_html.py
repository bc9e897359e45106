"""HTML out of a string that may hold some: what is a tag, what is an entity, and what only looks like one.

Real text is full of `<`: `a < b`, `x<y>`, `List<User>`, `<3`, `>_<`, `<기생충>`. So a tag is one only if its name is HTML's, in one
case throughout, and what follows the name are attributes. A bare name that is also a word (`<b>`, `<source>`, `<map>`) has to
have its closing tag in the same string. Code, mathematics and tables of Markdown are never looked into; `<pre>` and `<code>`
become Markdown, which keeps what stands in them.
"""

from __future__ import annotations

import html
import re
from typing import Final

from dadeum.steps.clean._code import FENCE


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


LAYOUT: Final = _names(
    "br hr p li ul ol dl dt dd tr table thead tbody tfoot caption div h1 h2 h3 h4 h5 h6 blockquote html head body section article "
    "header footer main nav aside figure figcaption form fieldset legend pre address center details summary title option select "
    "optgroup iframe noscript"
)
INLINE: Final = _names(
    "a abbr acronym b bdi bdo big cite code col colgroup data del dfn em font i img ins kbd label link map mark meta meter nobr "
    "object output param picture progress q rp rt ruby s samp small source span strike strong sub sup svg path td th template "
    "textarea time tt u var video audio wbr area base button canvas datalist dialog embed input track use style script"
)
UNMISTAKABLE: Final = _names(
    "br hr p li ul ol tr td th table tbody thead div span h1 h2 h3 h4 h5 h6 html head body font center strong em img blockquote wbr"
)
"""Names that no one writes in angle brackets meaning something else: they need neither attributes nor a closing tag."""
CAPITALISED: Final = {"br", "hr", "p", "font", "center"}
NAMES: Final = "|".join(sorted(LAYOUT | INLINE, key=lambda name: (-len(name), name)))
ATTRIBUTE: Final = r"""\s+[A-Za-z_:@][\w:.-]*\s*=\s*(?:"[^"<>]*"|'[^'<>]*'|[^\s"'<>=`]+)"""
FLAG: Final = r"\s+(?:checked|disabled|selected|readonly|required|hidden|async|defer|controls|autoplay|loop|muted|nowrap|noshade|multiple)\b"
TAG: Final = re.compile(rf"<(/?)({NAMES})((?:{ATTRIBUTE}|{FLAG})*)\s*(/?)>", re.IGNORECASE)
RAISED: Final = re.compile(r"(?<=[\w)\]])<(sup|sub)>\s*([0-9n+−-]{1,6})\s*</\1\s*>")
_SUP: Final = str.maketrans("0123456789+-−n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻ⁿ")
_SUB: Final = str.maketrans("0123456789+-−n", "₀₁₂₃₄₅₆₇₈₉₊₋₋ₙ")
CLOSING: Final = re.compile(rf"</({NAMES})\s*>", re.IGNORECASE)
DECLARED: Final = re.compile(r"<(?:!(?:doctype|DOCTYPE)\b[^<>]*|\?xml\b[^<>]*\?)>")
ENTITY: Final = re.compile(r"&(?:(?:amp;|#38;)*)(#[0-9]{1,7};|#[xX][0-9a-fA-F]{1,6};|[A-Za-z][A-Za-z0-9]{1,31};|(?:amp|lt|gt|quot|nbsp)(?![A-Za-z0-9=;]))")
VERBATIM: Final = re.compile(r"<(pre|code|PRE|CODE)(?:\s[^<>]*)?>(.*?)</\1\s*>", re.DOTALL)
# What is not looked into: fences, mathematics, inline code, tables (a header, a line of dashes, rows). A dollar needs a formula's
# signs: prices are no formulas. And what goes as a whole: comments, scripts, styles. Whichever begins first holds the other.
SPAN: Final = re.compile(
    rf"{FENCE.pattern}|\$\$[^$]{{1,2000}}\$\$|\\\([^\n]{{1,500}}?\\\)|\\\[[^$]{{1,2000}}?\\\]"
    r"|\$(?=[^$\n]*[\\^_<>=])[^\s$](?:[^$\n]{0,200}[^\s$\\])?\$(?!\d)"
    r"|(?<!`)(?P<tick>`{1,3})(?!`)[^`\n]{1,500}(?P=tick)(?!`)"
    r"|^(?=[^\n]*\|)[^\n]*+\n[ \t]*\|?[ \t]*:?-{2,}:?[ \t]*\|[-| :\t]*\n(?:(?=[^\n]*\|)[^\n]*+(?:\n|\Z))*"
    r"|(?P<gone><!--|<(?P<script>script|SCRIPT|style|STYLE)(?=[\s>]))",
    re.MULTILINE,
)


def strip(text: str) -> str:
    """The text without its HTML. Stripping twice is stripping once: it goes on until nothing changes.

    An entity that spells a tag (`&lt;br&gt;`, `&amp;lt;br&amp;gt;`) is a tag that was escaped on the way, and goes like one.

    >>> strip("재미&amp;lt;br&amp;gt;있다 <b>정말</b> <3 &lt;기생충&gt;")
    '재미\\n있다 정말 <3 <기생충>'
    """
    done = text
    while (shorter := _once(done)) != done:
        done = shorter
    # The edges of a text in paragraphs are where its first and last tag stood.
    return text if done == text else done.strip("\n")


def _once(text: str) -> str:
    plain, kept = _split(text)
    quoted = [VERBATIM.sub(_verbatim, piece) if "</" in piece else piece for piece in plain]
    if quoted == plain:
        closed = {name.lower() for piece in plain for name in CLOSING.findall(piece)}
        quoted = [_plain(piece, closed) for piece in plain]
    return "".join(part for pair in zip(quoted, [*kept, ""]) for part in pair)


def _split(text: str) -> tuple[list[str], list[str]]:
    """The pieces to work on, and what stands between them and stays. What goes as a whole is left out of both."""
    plain, kept = [""], []
    end = at = 0
    unclosed: set[str] = set()
    while found := SPAN.search(text, at):
        at = found.end()
        if not found["gone"]:
            plain[-1] += text[end : found.start()]
            plain.append("")
            kept.append(found[0])
            end = at
            continue
        mark = f"</{found['script']}>" if found["script"] else "-->"
        close = -1 if mark in unclosed else text.find(mark, at)
        if close < 0:
            unclosed.add(mark)  # nor does any later one: never search the rest twice
            continue
        plain[-1] += text[end : found.start()]
        end = at = close + len(mark)
    plain[-1] += text[end:]
    return plain, kept


def _plain(text: str, closed: set[str]) -> str:
    if "<" in text:
        # 10<sup>6</sup> is not 106, and its characters are the only plain text for it
        text = RAISED.sub(lambda m: m[2].translate(_SUP if m[1] == "sup" else _SUB), text)
        text = TAG.sub(lambda m: _tag(m, closed), DECLARED.sub("", text))
    return ENTITY.sub(_entity, text) if "&" in text else text


def _verbatim(found: re.Match[str]) -> str:
    """`<pre>` as a fenced block, `<code>` in backticks; as it was if it holds backticks itself."""
    body = html.unescape(TAG.sub("", found[2]))
    if "`" in body or not body.strip():
        return f" {body} "
    if found[1].lower() == "pre":
        return f"\n```\n{body.strip(chr(10))}\n```\n"
    return f"`{body}`" if "\n" not in body else body


def _tag(found: re.Match[str], closed: set[str]) -> str:
    closing, written, attributes, slash = found.groups()
    name = written.lower()
    if written not in (name, name.upper()) and not attributes and name not in CAPITALISED:
        return found[0]  # List<Table>
    if not (closing or attributes or slash or name in UNMISTAKABLE or name in closed):
        return found[0]
    if name in LAYOUT:
        return "\n"
    return " " if name in ("td", "th", "img") else ""


def _entity(found: re.Match[str]) -> str:
    """The character that an entity names; the entity itself if it names none, or one that must not be in a text."""
    name = found[1]
    decoded = html.unescape(f"&{name}" if name.endswith(";") else f"&{name};")
    if decoded == f"&{name}" or "\ufffd" in decoded:
        return found[0]
    if decoded == "\xa0":  # not to break a line here was the page's wish, not the text's
        return " "
    return decoded if decoded.isprintable() or decoded in "\n\t" else ""
