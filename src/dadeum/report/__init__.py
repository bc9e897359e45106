"""What a run did, for people: report.html, card.md, and the same in short for the terminal.

    page.render(run, lang), page.write(run, lang)      report.html
    card.card(run, lang), card.write_card(run, lang)   card.md
    terminal.funnel_text, summary_text, why_text       plain text

Every number traces to the run's folder: the file and the entry that it was read from. Nothing is computed here that the ledger
or the proof do not say; where a run stopped early the report says what is missing.
"""
