"""Makes what can be deployed without the SAM command line: the template, and archives of the built functions.

`make bundle` builds the functions first. The archives go into a bucket in the region of the stack. The
template takes the bucket as CodeBucket, and what stands before their names as CodePrefix.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import re
import shutil
import sys
import zipfile
from pathlib import Path

PARAMETERS = """\
Parameters:
  CodeBucket:
    Type: String
    Description: The bucket with the archives of the functions, in the region of the stack.
  CodePrefix:
    Type: String
    Default: ""
    Description: What the keys of the archives begin with, such as huntbridge/.
"""
CODE = re.compile(r"^(?P<indent> +)CodeUri: (?P<folder>\w+)$", re.M)
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the same files make the same archive, and so the same name


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the bundle of a build.")
    parser.add_argument("build", type=Path, help="the folder that `sam build` made")
    parser.add_argument("target", type=Path, help="the folder of the bundle; it is replaced")
    given = parser.parse_args()
    shutil.rmtree(given.target, ignore_errors=True)
    given.target.mkdir(parents=True)
    bundle(given.build, given.target)
    sys.stdout.write("".join(f"{file}\n" for file in sorted(given.target.iterdir())))


def bundle(build: Path, target: Path) -> None:
    """Write the archives and the template that names them."""

    def archived(found: re.Match[str]) -> str:
        content = archive(build / found["folder"])
        name = f"function-{hashlib.sha256(content).hexdigest()[:16]}.zip"
        (target / name).write_bytes(content)  # functions with the same files share an archive
        lines = ("CodeUri:", "  Bucket: !Ref CodeBucket", f"  Key: !Sub ${{CodePrefix}}{name}")
        return "\n".join(found["indent"] + line for line in lines)

    template, count = CODE.subn(archived, (build / "template.yaml").read_text(encoding="utf-8"))
    if not count or template.count("\nParameters:\n") != 1:
        sys.exit(f"{build / 'template.yaml'} names no built function: run `make build`")
    template = template.replace("\nParameters:\n", f"\n{PARAMETERS}")
    (target / "template.yaml").write_text(template, encoding="utf-8")


def archive(folder: Path) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in sorted(one for one in folder.rglob("*") if one.is_file()):
            entry = zipfile.ZipInfo(file.relative_to(folder).as_posix(), LONG_AGO)
            entry.external_attr = 0o644 << 16  # Lambda runs as another user
            entry.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(entry, file.read_bytes())
    return content.getvalue()


if __name__ == "__main__":
    main()
