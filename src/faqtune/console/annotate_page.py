"""The page of `faqtune annotate`: its address, and its server until Ctrl-C."""

from __future__ import annotations

import contextlib
import socket
import webbrowser
from typing import TYPE_CHECKING

from faqtune.console.output import emit, emit_json
from faqtune.console.reporter import ConsoleReporter
from faqtune.errors import UserError
from faqtune.progress import Reporter
from faqtune.workspace import Workspace

if TYPE_CHECKING:
    from faqtune.annotate.session import Session
    from faqtune.annotate.tuning import Tuner

LOOPBACK = "127.0.0.1"
EVERYWHERE = ("0.0.0.0", "::")


def give_labels_a_use(workspace: Workspace, reporter: Reporter) -> None:
    from faqtune.commands.annotate import share_set_for_annotation

    share = share_set_for_annotation(workspace)
    if share is not None:
        reporter.say(
            f"{share:.0%} of the conversations that you label will train, the others measure "
            "(human_labels_for_training in faqtune.toml)"
        )
    elif not workspace.config().split.human_labels_for_training:
        reporter.say(
            "what you label will only measure: to tune on a share of it, set human_labels_for_training in "
            "faqtune.toml, e.g. to 0.5"
        )


def serve(
    workspace: Workspace, model: str, names: list[str], host: str, port: int, *, browser: bool, as_json: bool
) -> bool:
    """The page, until Ctrl-C. Its address is printed at once; what takes long is made ready meanwhile, and the page
    says how far that is. False if it was ended before."""
    import uvicorn

    from faqtune.annotate.people import People, project_secret
    from faqtune.annotate.preparation import Preparation
    from faqtune.annotate.server import make_app
    from faqtune.commands.annotate import make_tuner, open_session
    from faqtune.commands.annotation_files import refuse_unready

    def make(reporter: Reporter) -> tuple[Session, Tuner]:
        session = open_session(workspace, model=model, reporter=reporter)
        tuner = make_tuner(workspace, session)
        if tuner.go_on() and not as_json:
            emit("The tuning that was broken off goes on.")
        return session, tuner

    with ConsoleReporter() as reporter:
        refuse_unready(workspace)
        give_labels_a_use(workspace, reporter)
        listener = listen(host, port)
        port = listener.getsockname()[1]
        people = People(names, project_secret(workspace.root))
        preparation = Preparation(make, reporter)
        app = make_app(preparation, people, f"faqtune-{port}", names=_names(host))
        addresses = {name: f"http://{_shown_host(host)}:{port}/enter/{people.token(name)}" for name in people.names}
        server = uvicorn.Server(
            uvicorn.Config(app, log_level="warning", access_log=False, server_header=False, lifespan="off",
                           timeout_graceful_shutdown=2, h11_max_incomplete_event_size=32 * 1024)
        )  # fmt: skip
        try:
            # Ctrl-C is the end of annotating, not an error, from the moment that the address can be read.
            with contextlib.suppress(KeyboardInterrupt):
                _print(addresses, host, as_json=as_json)
                if browser and not as_json:
                    webbrowser.open(next(iter(addresses.values())))
                preparation.start(lambda: setattr(server, "should_exit", True))
                server.run(sockets=[listener])
        finally:
            listener.close()
            preparation.stop()
    if preparation.failure is not None:
        raise preparation.failure
    return preparation.made is not None


def _print(addresses: dict[str, str], host: str, *, as_json: bool) -> None:
    if as_json:
        emit_json({"addresses": addresses})
        return
    for name, address in addresses.items():
        emit(f"{name}: {address}" if len(addresses) > 1 else address)
    emit("Whoever has an address can annotate in that person's name. Ctrl-C ends; nothing is lost.")
    if host != LOOPBACK:
        emit("Others in the network can read along: this is http. Better forward the port by ssh.")


def listen(host: str, port: int) -> socket.socket:
    """The socket, open before the address is printed. Raises UserError for a port that is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise UserError(f"{host}, port {port}: {error.strerror or error}", "give another --port or --host") from None
    listener.listen(128)
    return listener


def _names(host: str) -> tuple[str, ...]:
    """Names that the server goes by. Bound to this machine alone, none but localhost."""
    if host == LOOPBACK:
        return ()
    return tuple({host, socket.gethostname(), socket.getfqdn()})


def _shown_host(host: str) -> str:
    if host in EVERYWHERE:
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host
