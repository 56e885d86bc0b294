"""Where a page leads after a form was sent."""

from __future__ import annotations

import re
from collections.abc import Mapping

# A path of the console with its query. Two slashes or a backslash at the beginning would lead to another
# host.
_OWN = re.compile(r"/(?![/\\])[!-~]{0,1999}", re.ASCII)
_NAMED = {"overview": "/"}


def going_back(form: Mapping[str, str], default: str) -> str:
    """The page that the field `back` names: one of the console's own, else `default`."""
    back = form.get("back", "")
    back = _NAMED.get(back, back)
    return back if _OWN.fullmatch(back) and "\\" not in back else default
