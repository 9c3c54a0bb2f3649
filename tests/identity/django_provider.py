"""A real OpenID provider on loopback: Django with Django OAuth Toolkit, in a process of its own.

Run as ``python django_provider.py DIRECTORY PORT CALLBACK LOGGED_OUT``: it makes its database, its
RS256 key, its users (name = password) with their groups, and one confidential client.
"""

import socketserver
import sys
import wsgiref.simple_server
from pathlib import Path

import django
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.urls import include, path

CLIENT, SECRET = "ringwall-node", "the secret of the node"
USERS = {
    "ada": ["cti", "cleared"], "bob": [], "eve": ["cti", "operators", "foreign"],
    "mix": ["cti", "admins"],
}  # fmt: skip
_FORM = "<form method='post'>{% csrf_token %}{{ form.as_p }}<button>Log in</button></form>"


def configure(directory: Path, port: int) -> None:
    key = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    settings.configure(
        SECRET_KEY="of this test only",
        DEBUG=False,
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF="django_provider",
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": str(directory / "provider.db"),
                "OPTIONS": {"timeout": 20, "init_command": "PRAGMA synchronous=OFF"},
            }
        },
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "django.contrib.messages",
            "oauth2_provider",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "OPTIONS": {
                    "loaders": [
                        ("django.template.loaders.locmem.Loader", {"login.html": _FORM}),
                        "django.template.loaders.app_directories.Loader",
                    ],
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                    ],
                },
            }
        ],
        LOGIN_URL="/login/",
        MIGRATION_MODULES=dict.fromkeys(("auth", "contenttypes", "sessions", "oauth2_provider")),
        PASSWORD_HASHERS=["django.contrib.auth.hashers.ScryptPasswordHasher"],
        OAUTH2_PROVIDER={
            "OIDC_ENABLED": True,
            "OIDC_RP_INITIATED_LOGOUT_ENABLED": True,
            "OIDC_ISS_ENDPOINT": f"http://127.0.0.1:{port}/o",
            "OIDC_RSA_PRIVATE_KEY": key.decode(),
            "OAUTH2_VALIDATOR_CLASS": "django_provider.validator",
            "SCOPES": {"openid": "who you are", "profile": "your name and groups"},
            "PKCE_REQUIRED": True,
        },
    )
    django.setup()


def validator() -> object:
    """Return the toolkit's validator, with the claims that the rules of the node ask for."""
    from oauth2_provider.oauth2_validators import OAuth2Validator

    class WithGroups(OAuth2Validator):
        oidc_claim_scope = None

        def get_additional_claims(self, request: object) -> dict[str, object]:
            user = request.user  # type: ignore[attr-defined]
            groups = sorted(group.name for group in user.groups.all())
            return {"name": user.get_full_name(), "groups": groups, "country": "AR"}

    return WithGroups()


def fill(callback: str, logged_out: str) -> None:
    from django.contrib.auth.models import Group, User
    from oauth2_provider.models import Application

    call_command("migrate", run_syncdb=True, verbosity=0)
    for name, groups in USERS.items():
        user = User.objects.create_user(name, password=name, first_name=name.title())
        user.groups.set([Group.objects.get_or_create(name=group)[0] for group in groups])
    Application.objects.create(
        name="Ringwall",
        client_id=CLIENT,
        client_secret=SECRET,
        client_type=Application.CLIENT_CONFIDENTIAL,
        authorization_grant_type=Application.GRANT_AUTHORIZATION_CODE,
        redirect_uris=callback,
        post_logout_redirect_uris=logged_out,
        algorithm=Application.RS256_ALGORITHM,
    )


urlpatterns: list[object] = []


def route() -> None:
    from django.contrib.auth.views import LoginView

    urlpatterns.append(path("login/", LoginView.as_view(template_name="login.html")))
    urlpatterns.append(path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")))


class Server(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
    daemon_threads = True


class Quiet(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing: the test reads the answers."""


if __name__ == "__main__":
    sys.modules["django_provider"] = sys.modules["__main__"]
    where, number = Path(sys.argv[1]), int(sys.argv[2])
    configure(where, number)
    route()
    fill(*sys.argv[3:5])
    application = get_wsgi_application()
    wsgiref.simple_server.make_server(
        "127.0.0.1", number, application, server_class=Server, handler_class=Quiet
    ).serve_forever()
