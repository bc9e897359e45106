"""datasketch's MinHash and LSH on one text a line; the numbers of the lines that leave, as JSON."""

import json
import sys

from datasketch import MinHash, MinHashLSH

source, out = sys.argv[1:3]
texts = open(source, encoding="utf-8").read().split("\n")
lsh = MinHashLSH(num_perm=125, params=(25, 5))
removed = []
made = MinHash.generator([[s.encode() for s in {t[k : k + 3] for k in range(len(t) - 2)} or {t}] for t in texts], num_perm=125)
for i, m in enumerate(made):
    if lsh.query(m):
        removed.append(i)
    else:
        lsh.insert(i, m, check_duplication=False)
json.dump(removed, open(out, "w"))
