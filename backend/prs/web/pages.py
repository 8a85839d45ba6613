"""The stand-alone panel and the node's own web files it is built on; read only, nothing secret."""

from __future__ import annotations

from flask import Blueprint, Response, send_from_directory

from prs.web.context import Context


def pages(context: Context) -> Blueprint:
    """Routes to the files; a missing directory is a 404, paths that lead out of it as well."""
    blueprint = Blueprint("pages", __name__)
    folders = {"ui": context.site.pages, **context.site.shared}

    @blueprint.get("/")
    def index() -> Response:
        return send_from_directory(context.site.pages, "index.html", max_age=0)

    def add(folder: str) -> None:
        def send(name: str) -> Response:
            return send_from_directory(folders[folder], name, max_age=0)

        blueprint.add_url_rule(f"/{folder}/<path:name>", folder.replace("/", "_"), send, methods=["GET"])

    for folder in folders:
        add(folder)
    return blueprint
