"""Records to token arrays with a loss mask: template (text and spans), supervise (ids, labels, ledger), pack (rows without leak).

We own tokenisation and the mask. Which tokens carry loss comes from the renderer, never from searching token ids.
"""
