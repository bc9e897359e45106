"""What licences demand and forbid, as sets of terms, and what follows when sources are mixed.

    by notice     name the authors; keep the notice
    sa            share alike: what is made of it goes out under the same licence
    nc            no commercial use
    nd            nothing made of it may be given away: a training set is made of it
    closed        it must not be passed on at all
    competing     output of a provider's model: not for models that compete with the provider's
    named         a model made of it has to carry the licence's name (Llama) and its terms of use
    unknown       nobody said; read: nobody here knows the licence by that name

An expression (SPDX) joins names: `A AND B` has the terms of both, `A OR B` those of the side that the use breaks less. Sources: the
texts of the licences; for providers their terms as of 2025 (OpenAI Terms of Use 2(c), Anthropic Commercial Terms D.4, Gemini API
Additional Terms, Llama 2 and 3.1 Community License 1.b, Gemma Terms of Use 3); for Korea KOGL types 1 to 4 (kogl.or.kr) and AI-Hub's
terms of use. No legal advice: a reader's first pass.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, Literal

Use = Literal["commercial", "research", "internal"]
Term = Literal["by", "notice", "sa", "nc", "nd", "closed", "competing", "named", "unknown", "read"]

FORBIDS: Final[dict[str, frozenset[str]]] = {
    "commercial": frozenset({"nc", "nd", "closed", "competing", "unknown", "read"}),
    "research": frozenset({"nd", "closed", "unknown", "read"}),
    "internal": frozenset({"nc", "competing", "unknown", "read"}),
}
"""The terms that a use breaks. commercial: a product that is given away or sold. research: published, not for profit. internal: an
organisation's own work of which nothing leaves the house; it may still be commercial, so `nc` counts."""
_KNOWN: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    (r"cc0.*|pddl.*|unlicense|0bsd|public.?domain|wtfpl", ()),
    (r"mit.*|bsd.*|apache.*|isc|mpl.*|zlib|bsl-1\.0|python-.*|psf-.*|artistic-.*|ncsa|postgresql|upl-1\.0|ms-pl|cdla-permissive.*", ("notice",)),
    (r"odc-by.*", ("by",)),
    (r"odbl.*", ("by", "sa")),
    (r"cdla-sharing.*", ("by", "sa")),
    (r"(?:a?gpl|lgpl|gfdl|eupl|cecill|osl)(?:-.*)?", ("notice", "sa")),
    (r"kogl[-. ]?(?:type[-. ]?)?1|공공누리.*1.*", ("by",)),
    (r"kogl[-. ]?(?:type[-. ]?)?2|공공누리.*2.*", ("by", "nc")),
    (r"kogl[-. ]?(?:type[-. ]?)?3|공공누리.*3.*", ("by", "nd")),
    (r"kogl[-. ]?(?:type[-. ]?)?4|공공누리.*4.*", ("by", "nc", "nd")),
    (r"ai-?hub.*", ("by", "closed")),
    (r"(?:openai|chatgpt|gpt-[345o].*|anthropic|claude|google|gemini|bard|cohere-terms|mistral-terms|clova|hyperclova.*)(?:[-_ ].*)?", ("competing",)),
    (r"llama-?2.*|llama-?3(?:\.0)?(?:-community.*)?", ("notice", "named", "competing")),
    (r"llama-?[34].*", ("notice", "named")),
    (r"gemma.*", ("notice", "named")),
    (r"proprietary|all.rights.reserved|closed|internal", ("closed",)),
    (r"unknown|none|noassertion|", ("unknown",)),
)
_TOKEN: Final = re.compile(r"\(|\)|\bAND\b|\bOR\b|\bWITH\b")


def terms(licence: str, use: Use = "commercial") -> frozenset[str]:
    """The terms of a licence: an SPDX name or expression, a provider's terms, KOGL. `use` decides between the sides of an OR.

    >>> sorted(terms("CC-BY-NC-SA-4.0")), sorted(terms("mit")), sorted(terms("CC BY-SA 4.0")), sorted(terms("my own"))
    (['by', 'nc', 'sa'], ['notice'], ['by', 'sa'], ['read'])
    >>> sorted(terms("(MIT OR CC-BY-NC-4.0) AND CC-BY-4.0"))
    ['by', 'notice']
    """
    parts = [part.strip() for part in re.split(r"(\(|\)|\bAND\b|\bOR\b|\bWITH\b)", licence.strip())]
    tokens = [part for part in parts if part]
    if len(tokens) <= 1 or not any(_TOKEN.fullmatch(token) for token in tokens):
        return _named(licence)
    try:
        made, rest = _either(tokens, use)
    except (IndexError, RecursionError):
        return frozenset({"read"})
    return made if not rest else frozenset({"read"})


def breaks(told: frozenset[str], use: Use) -> frozenset[str]:
    """Those of the terms that the use breaks."""
    return told & FORBIDS[use]


def family(licence: str) -> str:
    """What a share-alike licence asks for: versions of one licence count as one (a later one may be chosen).

    >>> family("CC-BY-SA-3.0"), family("cc by-sa 4.0"), family("GPL-3.0-only")
    ('cc-by-sa', 'cc-by-sa', 'gpl')
    """
    name = re.sub(r"[\s_]+", "-", licence.strip().lower())
    return re.sub(r"-v?\d+(?:\.\d+)*.*$", "", name)


def clashes(licences: set[str], use: Use) -> list[tuple[str, str]]:
    """Pairs that can't both be kept in one set that is given away: two share-alike licences of different families, or one of them
    beside a licence that forbids what it allows. Empty for `internal`, where nothing is given away.

    >>> clashes({"CC-BY-SA-4.0", "CC-BY-NC-SA-4.0", "MIT"}, "research")
    [('CC-BY-NC-SA-4.0', 'CC-BY-SA-4.0')]
    >>> clashes({"CC-BY-SA-3.0", "CC-BY-SA-4.0", "CC-BY-4.0"}, "commercial")
    []
    """
    if use == "internal":
        return []
    known = {name: terms(name, use) for name in sorted(licences)}
    found = []
    for a in known:
        for b in known:
            both = a < b and "sa" in known[a] and "sa" in known[b] and family(a) != family(b)
            narrower = "sa" in known[a] and "sa" not in known[b] and (known[b] & {"nc", "nd", "closed"}) - known[a]
            if both or narrower:
                found.append((a, b))
    return found


def _named(licence: str) -> frozenset[str]:
    name = re.sub(r"[\s_]+", "-", licence.strip().lower())
    if name.startswith("cc-by"):
        parts = name.split("-")
        return frozenset({"by", *(part for part in ("nc", "nd", "sa") if part in parts)})
    for pattern, found in _KNOWN:
        if re.fullmatch(pattern, name):
            return frozenset(found)
    return frozenset({"read"})


def _joined(tokens: list[str], use: Use, word: str, part: Callable[[list[str], Use], tuple[frozenset[str], list[str]]]) -> tuple[list[frozenset[str]], list[str]]:
    made, rest = part(tokens, use)
    all_parts = [made]
    while rest and rest[0] == word:
        made, rest = part(rest[1:], use)
        all_parts.append(made)
    return all_parts, rest


def _either(tokens: list[str], use: Use) -> tuple[frozenset[str], list[str]]:
    sides, rest = _joined(tokens, use, "OR", _both)
    return min(sides, key=lambda side: (len(breaks(side, use)), "sa" in side, len(side), sorted(side))), rest


def _both(tokens: list[str], use: Use) -> tuple[frozenset[str], list[str]]:
    sides, rest = _joined(tokens, use, "AND", _one)
    return frozenset().union(*sides), rest


def _one(tokens: list[str], use: Use) -> tuple[frozenset[str], list[str]]:
    if tokens[0] == "(":
        made, rest = _either(tokens[1:], use)
        return made, rest[1:]  # the closing bracket
    if _TOKEN.fullmatch(tokens[0]):
        return frozenset({"read"}), tokens[1:]
    rest = tokens[1:]
    if rest and rest[0] == "WITH":  # exceptions only allow more
        rest = rest[2:]
    return _named(tokens[0]), rest
