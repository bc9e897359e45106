"""The whole way on raw data that the project makes itself: support messages in Korean and English with planted, known dirt.

grammar.py says what customers write (ko.yaml, en.yaml), identity.py invents personal data that is nobody's, dirt.py spoils rows
and notes what it did, raw.py writes the exports of three tools and the truth, recipe.yaml cleans them, truth.py counts what
each step found of what was planted, show.py walks the whole way.
"""
