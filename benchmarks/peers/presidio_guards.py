"""Presidio's analyser with every recogniser it has for Korean and English, without a language model, on one JSON string a line: which lines hold personal data."""

import json
import logging
import sys
from pathlib import Path

from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from presidio_analyzer import predefined_recognizers as known
from presidio_analyzer.nlp_engine import NlpEngineProvider

logging.disable(logging.CRITICAL)
source, out = sys.argv[1:3]
texts = [json.loads(line) for line in Path(source).read_text(encoding="utf-8").splitlines()]
KINDS = ("CreditCardRecognizer", "EmailRecognizer", "IbanRecognizer", "IpRecognizer", "PhoneRecognizer", "UsSsnRecognizer", "UsPassportRecognizer", "MacAddressRecognizer")
registry = RecognizerRegistry()
for name in sorted(vars(known)):
    if name.startswith("Kr") or name in KINDS:
        made = vars(known)[name](supported_language="en", **({"supported_regions": ("US", "GB", "KR", "DE", "FR")} if name == "PhoneRecognizer" else {}))
        registry.add_recognizer(made)
engine = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "no_op", "models": [{"lang_code": "en", "model_name": "no_op"}]}).create_engine()
analyzer = AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=["en"])
personal = [i for i, text in enumerate(texts) if analyzer.analyze(text, language="en", score_threshold=0.4)]
Path(out).write_text(json.dumps({"personal": personal, "changed": len(personal)}))
