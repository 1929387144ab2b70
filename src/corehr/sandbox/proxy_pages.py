"""The responses of a proxy that did not get one from the API: HTML, without a code and without a log id."""

from http import HTTPStatus

from corehr.gateway.responses import Response


def proxy_response(status: int) -> Response:
    """Return the page that a proxy sends with this status, as the widespread ones have it."""
    title = f"{status} {_REASONS.get(status, HTTPStatus(status).phrase)}"
    page = (
        f"<html>\r\n<head><title>{title}</title></head>\r\n"
        f"<body>\r\n<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
    )
    return Response(status, 0, page.encode(), content_type=b"text/html")


_REASONS = {504: "Gateway Time-out"}
