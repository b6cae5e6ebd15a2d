import sys
from pathlib import Path

# The benchmarks are no part of the package: they are imported from the repository's root.
sys.path.append(str(Path(__file__).parent.parent.parent))
