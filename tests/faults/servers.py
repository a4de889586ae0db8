"""A team's servers: PostgreSQL, and MLflow with passwords and proxied artifacts."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.commands import free_port

USER, PASSWORD, DATABASE_PASSWORD = "worker", "mlflow-Pa55word-of-workers", "postgres-Pa55word"
STUDIES, RUNS, ACCOUNTS = "studies", "mlflow", "accounts"
"""The databases."""


class PostgreSQL:
    """A server that knows one user, by a password."""

    def __init__(self):
        programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
        if not programs or os.geteuid() != 0:
            pytest.skip("needs PostgreSQL and root, on Debian: apt-get install postgresql")
        self._programs, self.port = programs[-1], free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="postgresql"))
        password = self.folder / "password"
        password.write_text(DATABASE_PASSWORD)
        for path in (self.folder, password):
            shutil.chown(path, "postgres")
        options = ["-A", "scram-sha-256", "-U", USER, f"--pwfile={password}", "--no-sync"]
        self._run("initdb", "-D", self.folder / "data", *options)
        self.start()
        for name in (STUDIES, RUNS, ACCOUNTS):
            self.ask(f"CREATE DATABASE {name}")

    def start(self):
        options = f"-p {self.port} -c unix_socket_directories={self.folder}"
        self._control("-l", self.folder / "log", "-o", options, "start")

    def stop(self):
        """Stops it at once, as a crash does."""
        self._control("-m", "immediate", "stop")

    def close(self):
        """Stops it and removes all that it held."""
        self.stop()
        shutil.rmtree(self.folder)

    def ask(self, statement, database="postgres"):
        """Returns the rows of a statement."""
        import psycopg

        address = f"host=127.0.0.1 port={self.port} user={USER} dbname={database}"
        with psycopg.connect(address, password=DATABASE_PASSWORD, autocommit=True) as connection:
            found = connection.execute(statement)
            return found.fetchall() if found.description else []

    def complete_trials(self):
        """Returns how many trials of all studies are complete."""
        if not self.ask("SELECT to_regclass('trials') IS NOT NULL", STUDIES)[0][0]:
            return 0
        return self.ask("SELECT count(*) FROM trials WHERE state = 'COMPLETE'", STUDIES)[0][0]

    def dump(self, database):
        """Returns everything that a database holds, as text."""
        place = ["-h", "127.0.0.1", "-p", str(self.port), "-U", USER, database]
        return self._run("pg_dump", *place, env={"PGPASSWORD": DATABASE_PASSWORD})

    def _control(self, *arguments):
        self._run("pg_ctl", "-D", self.folder / "data", "-w", *arguments)

    def _run(self, program, *arguments, **options):
        # Not a pipe, which the server would keep open.
        with tempfile.TemporaryFile("w+") as output:
            subprocess.run(
                [self._programs / program, *arguments],
                check=True,
                cwd=self.folder,
                user="postgres",
                stdout=output,
                **options,
            )
            output.seek(0)
            return output.read()


class MLflow:
    """A server that keeps runs in PostgreSQL, and artifacts in a folder of its own."""

    def __init__(self, folder, postgresql):
        self.port, self.folder = free_port(), folder
        place = f"postgresql+psycopg://{USER}@127.0.0.1:{postgresql.port}"
        accounts = folder / "basic_auth.ini"
        accounts.write_text(
            f"[mlflow]\ndefault_permission = EDIT\ndatabase_uri = {place}/{ACCOUNTS}\n"
            "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
        )
        self._environment = os.environ | {
            "PGPASSWORD": DATABASE_PASSWORD,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_AUTH_CONFIG_PATH": str(accounts),
            "MLFLOW_AUTH_ADMIN_USERNAME": USER,
            "MLFLOW_AUTH_ADMIN_PASSWORD": PASSWORD,
            "MLFLOW_FLASK_SERVER_SECRET_KEY": "of-this-test",
        }
        self._command = [sys.executable, "-m", "mlflow", "server", "--app-name", "basic-auth"]
        self._command += ["--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"]
        self._command += ["--backend-store-uri", f"{place}/{RUNS}", "--serve-artifacts"]
        self._command += ["--artifacts-destination", str(folder / "artifacts")]
        try:
            self.start()
        except BaseException:
            self.kill()
            raise

    def start(self):
        with (self.folder / "mlflow.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=self._environment,
                start_new_session=True,
            )
        deadline = time.monotonic() + 900
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self._process.poll() is None, (self.folder / "mlflow.log").read_text()
            time.sleep(0.2)
        raise AssertionError("MLflow gave no answer")

    def kill(self):
        """Kills it and its workers."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
