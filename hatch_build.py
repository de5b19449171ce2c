"""Builds the pages' script and style before a wheel or an sdist is packed.

A wheel carries the built files, so installing it needs no Node. An editable install skips the hook:
scripts/assets is run by make there.
"""

import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class AssetBuildHook(BuildHookInterface[BuilderConfig]):
    """Runs scripts/assets, which does nothing when the files are fresh."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the assets, or stop the package build with the reason."""
        del build_data
        if version == "editable":
            return
        done = subprocess.run([str(Path(self.root, "scripts", "assets"))], check=False)
        if done.returncode != 0:
            message = "The assets could not be built, so no package was made. The reason is above."
            raise SystemExit(message)
