"""The same sweep through Hydra's launchers, and from several processes on one database server."""

import getpass
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import optuna
import psutil
import pytest

from tests.optuna_sweeper.running import APP, STUDY, command, states, study, sweep

pytestmark = pytest.mark.release

FOUR = ["y=range(0,4)", "hydra.sweeper.n_jobs=2"]


def needs(package, extra):
    missing = importlib.util.find_spec(package) is None
    return pytest.mark.skipif(missing, reason=f"needs the extra gislr[{extra}]")


def assert_four(folder):
    complete = [t for t in study(folder).trials if t.state.name == "COMPLETE"]
    assert sorted(t.params["y"] for t in complete) == [0, 1, 2, 3]
    assert sorted(t.value for t in complete) == pytest.approx([0.09, 1.09, 2.09, 3.09])


@needs("hydra_plugins.hydra_joblib_launcher", "launchers")
def test_joblib(tmp_path):
    done = sweep(tmp_path, *FOUR, "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    assert done.returncode == 0, done.stderr
    assert_four(tmp_path)


@needs("hydra_plugins.hydra_joblib_launcher", "launchers")
def test_joblib_prunes_and_fails_as_without_it(tmp_path):
    done = sweep(
        tmp_path,
        "y=choice(0,1,5)",
        "steps=4",
        "trouble=choice(none,error)",
        "hydra/launcher=joblib",
        "hydra.sweeper.pruner=median",
        "hydra.sweeper.pruner_options={n_startup_trials:2,n_warmup_steps:1}",
        "hydra.sweeper.max_failure_rate=1",
    )
    assert done.returncode == 0, done.stderr
    assert states(tmp_path) == ["COMPLETE", "FAIL", "COMPLETE", "FAIL", "PRUNED", "FAIL"]
    reasons = {t.user_attrs["reason"] for t in study(tmp_path).trials if t.state.name == "FAIL"}
    assert reasons == {"RuntimeError: it is broken"}


@needs("hydra_plugins.hydra_submitit_launcher", "launchers")
def test_submitit_local(tmp_path):
    done = sweep(tmp_path, *FOUR, "hydra/launcher=submitit_local", "hydra.launcher.timeout_min=5")
    assert done.returncode == 0, done.stderr
    assert_four(tmp_path)


@needs("hydra_plugins.hydra_submitit_launcher", "launchers")
def test_the_configuration_of_slurm_composes():
    arguments = ["hydra/launcher=submitit_slurm", "hydra.launcher.partition=gpu", "--cfg", "hydra"]
    line = [*command(), *arguments]
    line.remove("-m")
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    assert "SlurmLauncher" in done.stdout
    assert "partition: gpu" in done.stdout


@needs("ray", "ray")
def test_ray_survives_the_kill_of_a_worker(tmp_path):
    ray = Path(sys.executable).with_name("ray")
    start = [ray, "start", "--head", "--num-cpus=2", "--port=0", "--include-dashboard=false"]
    subprocess.run(start, check=True, capture_output=True, timeout=120)
    try:
        arguments = [*FOUR, "steps=2", "sleep=3", "hydra/launcher=ray"]
        line = command(
            *arguments,
            "hydra.launcher.ray.init.address=auto",
            "+hydra.launcher.ray.init.object_store_memory=null",
            f"hydra.sweeper.storage=sqlite:///{tmp_path / 'studies.db'}",
            f"hydra.sweeper.study_name={STUDY}",
            f"hydra.sweep.dir={tmp_path / 'jobs'}",
        )
        process = subprocess.Popen(
            line, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        killed = kill_a_ray_worker()
        output, _ = process.communicate(timeout=240)
        assert process.returncode == 0, output
        assert killed
        assert_four(tmp_path)
    finally:
        subprocess.run([ray, "stop", "--force"], check=False, capture_output=True)


def kill_a_ray_worker():
    for _ in range(200):
        time.sleep(0.2)
        for process in psutil.process_iter():
            try:
                parent = process.parent()
                is_trial = str(APP) in process.cmdline()
                if is_trial and parent and parent.cmdline()[0].startswith("ray::"):
                    parent.kill()
                    return True
            except psutil.Error:
                continue
    return False


def programs_of_postgresql():
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


POSTGRESQL = programs_of_postgresql()


@pytest.fixture
def postgresql(tmp_path):
    """Starts a server of its own, reached through a socket; it refuses to run as root."""
    pytest.importorskip("psycopg", reason="needs the extra gislr[postgresql]")
    if POSTGRESQL is None:
        pytest.skip("needs PostgreSQL, on Debian: apt-get install postgresql")
    user = "postgres" if os.geteuid() == 0 else getpass.getuser()
    home = Path(subprocess.check_output(["mktemp", "-d"], text=True).strip())
    shutil.chown(home, user)
    options = {"capture_output": True, "cwd": home}
    if os.geteuid() == 0:
        options["user"] = user
    data = home / "data"
    subprocess.run(
        [POSTGRESQL / "initdb", "-D", data, "-A", "trust", "-U", "gislr", "--no-sync"],
        check=True,
        **options,
    )
    settings = f"-c listen_addresses='' -c unix_socket_directories={home} -c fsync=off"
    control = [POSTGRESQL / "pg_ctl", "-D", data, "-l", home / "log", "-w"]
    subprocess.run([*control, "-o", settings, "start"], check=True, **options)
    yield f"postgresql://gislr@/postgres?host={home}"
    subprocess.run([*control, "-m", "immediate", "stop"], check=True, **options)
    shutil.rmtree(home)


def test_many_sweeps_share_a_study_in_postgresql(postgresql, tmp_path):
    arguments = [
        "y=range(0,12)",
        f"hydra.sweeper.storage='{postgresql}'",
        f"hydra.sweeper.study_name={STUDY}",
        f"hydra.sweep.dir={tmp_path / 'jobs'}",
    ]
    processes = [
        subprocess.Popen(
            command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    time.sleep(4)
    processes[0].send_signal(signal.SIGKILL)
    for process in processes:
        _, errors = process.communicate(timeout=240)
        assert process.returncode in (0, -signal.SIGKILL), errors
    line = subprocess.run(command(*arguments), capture_output=True, text=True, check=False)
    assert line.returncode == 0, line.stderr
    trials = optuna.load_study(study_name=STUDY, storage=postgresql).trials
    complete = [t for t in trials if t.state.name == "COMPLETE"]
    assert {t.params["y"] for t in complete} == set(range(12))
    assert "RUNNING" not in {t.state.name for t in trials}
