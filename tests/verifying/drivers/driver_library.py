"""Hands the requests on stdin to library.py and says what came of each: see languages.ts."""
import base64
import sys

import library

for line in sys.stdin.read().rstrip("\n").split("\n"):
    _, standard_secret, body, *rest = [base64.b64decode(text) for text in line.split("\t")]
    texts = [text.decode("latin-1") for text in rest]
    try:
        library.verified(standard_secret.decode(), zip(texts[::2], texts[1::2]), body)
        print("true")
    except Exception:
        print("false")
