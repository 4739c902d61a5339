"""The folder of these tests is found by their imports."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
