"""Opens MLflow's pages on this project's runs.

    python -m gislr.ui [--port 5000] [--uri http://...]

They are served on 127.0.0.1 only, unless --host says otherwise.
"""

from __future__ import annotations

import os
import sys

from gislr.cli.hydra_app import argument_parser, errors_as_messages
from gislr.tracking.store import SQLITE, local_folder, tracking_uri
from gislr.utils.addresses import add_host_option, warn_of_others


def main() -> None:
    """Replaces this process with MLflow's server."""
    parser = argument_parser("ui", __doc__)
    add_host_option(parser)
    parser.add_argument("--port", type=int, default=5000)
    parser.add_argument("--uri", help="another tracking store than the project's own")
    arguments = parser.parse_args()
    with errors_as_messages():
        uri = tracking_uri(arguments.uri)
        if uri.startswith(SQLITE):
            local_folder(uri).mkdir(parents=True, exist_ok=True)
    host, port = arguments.host, str(arguments.port)
    warn_of_others(host)
    print(f"MLflow's pages: http://{host}:{port} (Ctrl-C ends them)", flush=True)
    command = [sys.executable, "-m", "mlflow", "ui", "--host", host, "--port", port]
    command += ["--backend-store-uri", uri]
    os.execv(sys.executable, command)
