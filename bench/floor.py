"""The floor: a Flask route that reads the body and returns a constant, under the same gunicorn."""

import flask


def create() -> flask.Flask:
    """Return the app."""
    app = flask.Flask("floor", static_folder=None)
    answer = b'{"id":"' + b"0" * 1_900 + b'"}'

    @app.post("/v1/payments")
    def constant() -> flask.Response:
        flask.request.get_data()
        return flask.Response(answer, 201, content_type="application/json")

    return app
