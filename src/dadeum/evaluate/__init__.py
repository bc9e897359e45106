"""Did it help? Items, scores, a paired comparison with its power, and the proof that a run leaves behind.

    items.items(rows, cluster, count, seed)      held-out rows as prompts, references and clusters
    metrics.score(prove, replies, references)    exact, label, numeric, chrF; null where an answer cannot be made out
    compare.compare(a, b, cluster)               difference, interval and p of two arms on the same items, training seeds included
    power.smallest(items) / power.needed(gap)    what so many items can show, how many a difference needs
    reach.promised(parts, power)                 the smallest true difference that a comparison finds
    proof.proof(arms, references, prove)         all of it as proof.json
    arms.ask(arm, items, ...)                    the items as an arm asks them: an instruction, examples, what was looked up
    slices, together, ranking                    parts of the items, several suites, the order of many arms
    decision.decide(proof, calls, cost, worth)   is tuning worth it?

Nothing here needs torch: the train room answers, this room judges.
"""
