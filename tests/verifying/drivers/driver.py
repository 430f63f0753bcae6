"""Hands the requests on stdin to receiver.py and says what came of each: see languages.ts."""
import base64
import io
import sqlite3
import sys
from wsgiref.headers import Headers

import receiver

DATABASE = "inbox.db"


def stored():
    with sqlite3.connect(DATABASE) as connection:
        return connection.execute("SELECT count(*) FROM inbox").fetchone()[0]


for line in sys.stdin.read().rstrip("\n").split("\n"):
    secret, standard_secret, body, *rest = [base64.b64decode(text) for text in line.split("\t")]
    texts = [text.decode("latin-1") for text in rest]
    headers = list(zip(texts[::2], texts[1::2]))
    plain = receiver.is_plain_valid(secret.decode(), Headers(headers), body)
    app = receiver.make_app(standard_secret.decode(), DATABASE)
    environ = {"HTTP_" + name.upper().replace("-", "_"): value for name, value in headers}
    environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    before = stored()
    answers = []
    app(environ, lambda status, _headers: answers.append(status.split(" ")[0]))
    print(str(plain).lower(), answers[0], str(stored() > before).lower())
