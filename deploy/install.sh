#!/bin/sh
# Installs huntbridge into an environment of its own: deploy/install.sh PREFIX
#
# Run it from a checkout or from the unpacked source archive. The packages are those of requirements/run.txt, by
# their hashes. An environment that is at PREFIX already is replaced. PYTHON names the Python to use.
set -eu
prefix=${1:?usage: deploy/install.sh PREFIX}
source=$(cd "$(dirname "$0")/.." && pwd)

"${PYTHON:-python3}" -m venv --clear "$prefix"
pip() { "$prefix/bin/python" -m pip --quiet --disable-pip-version-check --no-cache-dir --no-input "$@"; }
pip install --require-hashes -r "$source/requirements/run.txt"

# The build writes beside the source, which may belong to somebody else or be read-only.
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
for part in pyproject.toml README.md LICENSE NOTICE MANIFEST.in shared scheduler receiver console cli demo; do
  cp -R "$source/$part" "$copy"
done
pip install --no-deps --no-build-isolation "$copy"
pip check
# Nothing is installed here later, so nothing that can install stays.
pip uninstall --yes setuptools wheel pip
"$prefix/bin/huntbridge" --version
