"""What the log may show of what others have sent."""

import re

_KEY_VALUE = re.compile(r'("value"\s*:\s*")(?:[^"\\]|\\.)*')
_USER_INFO = re.compile(r"(:\\?/\\?/)[^/@\s\"\\]+@")
"""Some write `:\\/\\/` in JSON."""


def loggable(text: str | bytes) -> str:
    """A frame as the log may show it: on one line, without passwords in URLs and without the AuthorizationKey."""
    if isinstance(text, bytes):
        return f"{len(text)} binary bytes"
    if "authorizationkey" in text.lower():
        text = _KEY_VALUE.sub(r"\1***", text)
    text = _USER_INFO.sub(r"\1***@", text)
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
