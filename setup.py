"""Which folders make the package; all else stands in pyproject.toml."""

from pathlib import Path

from setuptools import find_packages, setup

# networks/ lies at the top and is imported as deelish.networks. A checkout reaches it through the
# link deelish/networks; where git could not make the link, the installed package maps the folder.
linked = Path(__file__).parent.joinpath("deelish", "networks", "__init__.py").is_file()

packages = find_packages(include=["deelish", "deelish.*"])
package_dir = {"": "."}
if not linked:
    packages.append("deelish.networks")
    package_dir["deelish.networks"] = "networks"

setup(packages=packages, package_dir=package_dir)
