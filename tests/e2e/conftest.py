"""Makes the helpers beside the end-to-end tests importable, and the model made for the tests of streams."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(1, str(Path(__file__).parents[1] / "gateway" / "streams"))
