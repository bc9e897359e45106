"""Keys and secrets: tokens by the prefixes that their makers gave them, private key blocks, and what is assigned to a word for a password.

Prefixes are those that AWS, GitHub, GitLab, OpenAI, Anthropic, Slack, Google, Stripe, Hugging Face, npm, SendGrid, Telegram, Discord, Twilio, Mailgun, Databricks, Shopify,
DigitalOcean, PyPI, Groq, xAI, Replicate, Notion, Linear, Docker, Sentry, New Relic, Atlassian, HashiCorp, Firebase and age publish for secret scanners; and the password in a url, a bearer's token, a signed url. A value that says it is an example, a variable or a call is none.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import Final

from dadeum.steps.guard._pii.spans import Pattern, pattern

PREFIXED: Final = (
    (r"(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])", ("akia", "asia")),
    (r"gh[pousr]_[A-Za-z0-9]{30,255}", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_")),
    (r"github_pat_[A-Za-z0-9_]{22,255}", ("github_pat_",)),
    (r"glpat-[A-Za-z0-9_-]{20,64}", ("glpat-",)),
    (r"sk-(?:proj-|ant-|svcacct-)?[A-Za-z0-9_-]{20,200}", ("sk-",)),
    (r"xox[abeprs]-[A-Za-z0-9-]{10,250}", ("xox",)),
    (r"AIza[0-9A-Za-z_-]{35}", ("aiza",)),
    (r"[sr]k_(?:live|test)_[A-Za-z0-9]{16,128}", ("k_live_", "k_test_")),
    (r"hf_[A-Za-z0-9]{30,64}", ("hf_",)),
    (r"npm_[A-Za-z0-9]{36}", ("npm_",)),
    (r"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}", ("sg.",)),
    (r"https://hooks\.slack\.com/services/[A-Z0-9]{6,14}/[A-Z0-9]{6,14}/[A-Za-z0-9]{16,32}", ("hooks.slack",)),
    (r"[0-9]{8,10}:(?P<v>AA[A-Za-z0-9_-]{32,34})(?![A-Za-z0-9])", (":aa",)),
    (r"[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,40}(?![A-Za-z0-9])", (".",)),
    (r"whsec_[A-Za-z0-9]{24,64}", ("whsec_",)),
    (r"(?:SK|key-|dapi|shp(?:at|ca|pa|ss)_|dop_v1_)[0-9a-f]{32,64}(?![A-Za-z0-9])", ("sk", "key-", "dapi", "shpat_", "shpca_", "shppa_", "shpss_", "dop_v1_")),
    (r"pypi-AgE[A-Za-z0-9_-]{50,400}", ("pypi-age",)),
    (r"ya29\.[A-Za-z0-9_-]{30,400}", ("ya29.",)),
    (r"(?:gsk|r8|ntn|lin_api|dckr_pat|sntrys|xai|NRAK)[_-][A-Za-z0-9_-]{24,400}", ("gsk_", "r8_", "ntn_", "lin_api_", "dckr_pat_", "sntrys_", "xai-", "nrak-")),
    (r"(?:ATATT3x[A-Za-z0-9_=-]|hvs\.[A-Za-z0-9_-]|AAAA[A-Za-z0-9_-]{7}:APA91b[A-Za-z0-9_-]|AGE-SECRET-KEY-1[A-Z0-9])[A-Za-z0-9_=-]{40,400}", ("atatt3x", "hvs.", ":apa91b", "age-secret-key-1")),
    (r"eyJ[A-Za-z0-9_-]{8,4000}\.eyJ[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{8,1000}", ("eyj",)),
)
ASSIGNED: Final = r"(?:account[_ -]?key|password|passwd|passcode|passphrase|\bpwd|\bpw|secret|token|api[_ -]?key|access[_ -]?key|비밀\s?번호|비번|암호|패스워드|인증\s?키|시크릿)"
PLACEHOLDER: Final = re.compile(
    r"example|placeholder|changeme|your|redacted|dummy|^(?:none|null|true|false|undefined|string|required|optional)$|^[*x•.#-]+$|^[\w]+[(\[]|[{}$%<>]|://|getenv|environ",
    re.IGNORECASE,
)
DOTTED: Final = re.compile(r"(?<!\w)[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
CALLED: Final = re.compile(r"[A-Za-z_][\w.:>-]*")
"""`secret_number = rand::thread_rng(`"""
PIN: Final = re.compile(r"password|passwd|passcode|pwd|pw|비밀\s?번호|비번|암호|패스워드", re.IGNORECASE)


def entropy(text: str) -> float:
    """Bits per character, by the text's own counts.

    >>> entropy("aaaa"), entropy("abcd")
    (0.0, 2.0)
    """
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values()) + 0.0


def _token(match: re.Match[str], text: str) -> float:
    if "example" in match[0].lower():
        return 0.0
    return 0.95 if entropy(match[0]) >= 2.5 else 0.0


def _login(match: re.Match[str], text: str) -> float:
    """The password of a url: surer than the e-mail address that it makes together with the host."""
    value = match["v"]
    return 0.0 if PLACEHOLDER.search(value) or re.fullmatch("(?:my|the|some|db|my_)?(?:pass(?:word|wd)?|pwd?|secret|token|key)", value, re.IGNORECASE) else 0.97


def _bearer(match: re.Match[str], text: str) -> float:
    value = match["v"]
    return 0.9 if entropy(value) >= 3.0 and any(c.isdigit() for c in value) and not PLACEHOLDER.search(value) and not DOTTED.fullmatch(value) else 0.0


def _assigned(match: re.Match[str], text: str) -> float:
    value = match["v"].rstrip(".?!")
    called = text[match.end() : match.end() + 1] in ("(", "[") and CALLED.fullmatch(value)
    if PLACEHOLDER.search(value) or DOTTED.fullmatch(value) or called:
        return 0.0
    if value.isdigit() and match["sign"].strip():
        return 0.6 if PIN.search(match["word"]) and len(value) >= 4 else 0.0
    kinds = sum((any(c.islower() for c in value), any(c.isupper() for c in value), any(c.isdigit() for c in value)))
    marks = any(not c.isalnum() and c not in "._-/" for c in value)
    if len(value) < 6 or kinds + marks < 2 or not (marks or any(c.isdigit() for c in value)):
        return 0.0
    random = entropy(value) >= 3.0
    if not match["sign"].strip():  # "the password Tr0ub4dor&3": nothing says that it is one but its looks
        return 0.6 if random and kinds >= 2 and (len(value) >= 16 or (marks and len(value) >= 8)) else 0.0
    return 0.85 if len(value) >= 16 and random else 0.7


PATTERNS: Final[tuple[Pattern, ...]] = (
    pattern(
        "secret",
        r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----(?!\s{0,2}EXAMPLE)\s{0,2}(?:[A-Za-z-]{1,20}: [^\n]{0,80}\n){0,3}[A-Za-z0-9+/=\s\\]{1,8000}-----END [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----",
        1.0,
        ("private key",),
        re.NOFLAG,
    ),
    *(pattern("secret", rf"(?<![A-Za-z0-9_-]){regex}", _token, needs, re.NOFLAG) for regex, needs in PREFIXED),
    pattern("secret", r"(?<![A-Za-z0-9])[a-z][a-z0-9+]{1,20}://[^\s:@/]{0,64}:(?P<v>[^\s:@/]{3,128})@", _login, ("://",), re.NOFLAG),
    pattern("secret", r"(?:bearer|authorization:\s{0,2}basic)\s{1,2}(?P<v>[A-Za-z0-9._~+/-]{20,2000}={0,2})", _bearer, ("bearer", "basic")),
    pattern("secret", r"[?&]sig=(?P<v>[A-Za-z0-9]{30,80})", _bearer, ("sig=",)),
    pattern(
        "secret",
        rf"(?<!⟨)(?P<word>{ASSIGNED})[A-Za-z_]{{0,12}}[\"']?(?P<sign>\s{{0,2}}(?::|=>?|is\b|은|는|가|이|을|를)\s{{0,2}}|\s{{1,2}})[\"']?(?P<v>[!-&*-+\--:=?-Z^-z|~.]{{4,128}})",
        _assigned,
        ("pass", "pw", "secret", "token", "key", "비밀", "비번", "암호", "패스", "인증", "시크릿"),
    ),
)  # fmt: skip
