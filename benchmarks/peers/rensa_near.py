"""rensa's MinHash and LSH on one text a line; the numbers of the lines that leave, as JSON."""

import json
import sys

from rensa import RMinHash, RMinHashLSH

source, out = sys.argv[1:3]
lsh = RMinHashLSH(threshold=0.8, num_perm=125, num_bands=25)
removed = []
for i, text in enumerate(open(source, encoding="utf-8").read().split("\n")):
    m = RMinHash(num_perm=125, seed=42)
    m.update([text[k : k + 3] for k in range(len(text) - 2)] or [text])
    if lsh.query(m):
        removed.append(i)
    else:
        lsh.insert(i, m)
json.dump(removed, open(out, "w"))
