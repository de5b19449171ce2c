"""The security headers of every answer, whoever gives it: a route, a refusal, a static file, a bug."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send

HSTS = "max-age=63072000; includeSubDomains"
"""Two years, as the preload lists ask. Sent over TLS only: a browser ignores it elsewhere."""

FEATURES = (
    "accelerometer",
    "autoplay",
    "browsing-topics",
    "camera",
    "captured-surface-control",
    "clipboard-read",
    "compute-pressure",
    "digital-credentials-get",
    "display-capture",
    "encrypted-media",
    "fullscreen",
    "gamepad",
    "geolocation",
    "gyroscope",
    "hid",
    "identity-credentials-get",
    "idle-detection",
    "keyboard-map",
    "language-model",
    "local-fonts",
    "local-network-access",
    "magnetometer",
    "microphone",
    "midi",
    "on-device-speech-recognition",
    "otp-credentials",
    "payment",
    "picture-in-picture",
    "publickey-credentials-create",
    "publickey-credentials-get",
    "screen-wake-lock",
    "serial",
    "speaker-selection",
    "storage-access",
    "sync-xhr",
    "usb",
    "window-management",
    "xr-spatial-tracking",
)
"""What reaches devices, credentials, other screens or other sites. No page of the portal asks for any."""


RawHeader = tuple[bytes, bytes]
OURS_ALONE = frozenset({b"content-security-policy", b"strict-transport-security"})
"""Never left to a route."""
NO_REFERRER: RawHeader = (b"referrer-policy", b"no-referrer")
OWN_REFERRER: RawHeader = (b"referrer-policy", b"same-origin")


def content_policy(form_origins: Sequence[str] = ()) -> str:
    """The Content-Security-Policy. `form_origins`: where a form's answer may lead, the login providers.

    Chromium applies `form-action` to the redirect after a form too, so a logout that ends at the provider
    needs the provider's origin here.
    """
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            "font-src 'self'",
            "connect-src 'self'",
            "object-src 'none'",
            "base-uri 'none'",
            " ".join(["form-action 'self'", *form_origins]),
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types fragment",
        )
    )


def header_table(form_origins: Sequence[str] = ()) -> Mapping[str, str]:
    """What every answer says, by header name. The referrer policy depends on the address."""
    return {
        "content-security-policy": content_policy(form_origins),
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-embedder-policy": "require-corp",
        "cross-origin-resource-policy": "same-origin",
        "origin-agent-cluster": "?1",
        "permissions-policy": ", ".join(f"{feature}=()" for feature in FEATURES),
        "cache-control": "no-store",
    }


class SecurityHeaders:
    """Adds what a route did not say itself. The policy and HSTS are never left to a route."""

    def __init__(self, app: ASGIApp, *, form_origins: Sequence[str] = (), behind_tls: bool = False) -> None:
        self.app = app
        self.headers = [(name.encode(), value.encode()) for name, value in header_table(form_origins).items()]
        self.behind_tls = behind_tls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = self.with_ours(message.get("headers", ()), scope)
            await send(message)

        await self.app(scope, receive, with_headers)

    def with_ours(self, told: Iterable[RawHeader], scope: Scope) -> list[RawHeader]:
        """The headers of an answer and ours. Raw pairs: this runs for every answer."""
        own = [*self.headers, *self._for(scope)]
        kept = [pair for pair in told if pair[0].lower() not in OURS_ALONE]
        said = {name.lower() for name, _ in kept}
        return [*kept, *(pair for pair in own if pair[0] not in said)]

    def _for(self, scope: Scope) -> Iterator[RawHeader]:
        if scope["path"].startswith("/login"):
            yield NO_REFERRER  # these addresses hold links and codes: told to nobody
        else:
            yield OWN_REFERRER
        if self.behind_tls or scope.get("scheme") == "https":
            yield b"strict-transport-security", HSTS.encode()
