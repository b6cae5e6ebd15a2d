"""One process of `benchmarks.startup`: prints how long importing and the first step took."""

import json
import time

began = time.perf_counter()

from benchmarks.startup import first_step

if __name__ == "__main__":
    importing = time.perf_counter() - began
    print(json.dumps({"importing": importing, "step": first_step()}))
