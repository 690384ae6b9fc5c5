"""Many measurements of `quality.py` at a time, most valuable first, until the time is up.

    python benchmarks/campaign.py PLAN --data DATA --work WORK --out OUT [--workers 14] [--seconds 420]
        [--python flagembedding=PATH] [--only REGEX]

PLAN is a list of jobs in `campaign_plans.py`. Every job is a process of its own with one thread, forked from this
one, which has imported all that is slow; a GPU is shared by all. Where CUDA does not work in a forked process each
is started anew. A job works in a copy of its project (WORK/projects/<name>/seed<n>, made here if it is not there),
which it removes. After `--seconds` no job begins, nor does one whose like took longer than what is left, and after
`--grace` more those that run are stopped. Results lie in WORK/results as those of `quality.py`, are not made again,
and are put into OUT/campaign.tar every few jobs.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

# Asked in any other way, whether there is a GPU makes CUDA useless in forked processes.
os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from campaign_plans import PLANS, Job
from quality import RUNS, Case, parsed, slug
from quality_projects import project_of
from quality_tables import write_result

PACK_EVERY_JOBS, PAUSE_SECONDS = 10, 0.1
TRAINER = ("accelerate", "datasets", "sentence_transformers", "transformers.trainer")
IMPORTS = {
    "faqtune": ("faqtune.train",),
    "st-mnrl": TRAINER,
    "flagembedding": TRAINER,
    "setfit": (*TRAINER, "setfit"),
    "frozen-lr": ("sentence_transformers", "sklearn.linear_model"),
}


@dataclass
class Running:
    job: Job
    log: Path
    began: float


def result_path(work: Path, job: Job) -> Path:
    return work / "results" / job.name / f"seed{job.seed}" / f"{slug(job.method)}.json"


def project_folder(work: Path, job: Job) -> Path:
    return work / "projects" / job.name / f"seed{job.seed}"


def make_projects(jobs: list[Job], given: argparse.Namespace) -> None:
    for job in dict.fromkeys(Job(job.name, job.seed, "") for job in jobs):
        if not (project_folder(given.work, job) / "faqtune.toml").exists():
            project_of(
                job.data_set, given.data / job.data_set, project_folder(given.work, job), job.seed,
                job.per_entry, given.work / "prepared", job.hand_labels,
            )  # fmt: skip


def one(job: Job, given: argparse.Namespace) -> None:
    """Do a job in a copy of its project, and keep what it gave."""
    import torch

    from common import machine
    from faqtune.workspace import Workspace

    torch.set_num_threads(given.threads)
    torch.set_float32_matmul_precision("highest")
    folder = given.scratch / f"{job.name}-{job.seed}-{slug(job.method)}"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(project_folder(given.work, job), folder)
    began = time.perf_counter()
    try:
        found = RUNS[parsed(job.method)[0]](Case(Workspace(folder), job.seed), given, job.method)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    facts = {"method": job.method, "seed": job.seed, "machine": machine(), "at_a_time": given.workers}
    wall = round(time.perf_counter() - began, 1)
    write_result(result_path(given.work, job), {**facts, "job_seconds": wall, **found})


def import_all(jobs: list[Job], given: argparse.Namespace) -> None:
    """What jobs would import otherwise, each for itself; nothing for rivals with an environment of their own."""
    elsewhere = {pair.partition("=")[0] for pair in given.python}
    for name in dict.fromkeys(parsed(job.method)[0] for job in jobs):
        for module in IMPORTS.get(name, ()) if name not in elsewhere else ():
            importlib.import_module(module)


def forked(log: Path) -> int:
    """0 in a forked process, whose output goes to `log`; in this one the id of that."""
    sys.stdout.flush()
    if child := os.fork():
        return child
    os.setsid()
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    return 0


def can_fork(scratch: Path) -> bool:
    """Whether a forked process computes on the GPU; True where there is none."""
    import torch

    if not torch.cuda.is_available():
        return True
    child = forked(scratch / "fork.log")
    if child == 0:
        try:
            torch.ones(2, device="cuda").sum().item()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def start(job: Job, log: Path, given: argparse.Namespace, fork: bool) -> int:
    if not fork:
        command = [sys.executable, *sys.argv, "--one", json.dumps([job.name, job.seed, job.method])]
        with log.open("w") as output:
            return subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True).pid
    child = forked(log)
    if child == 0:
        code = 1
        try:
            one(job, given)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    return child


def pack(given: argparse.Namespace) -> None:
    """All results and the ends of all logs in one file, which is there whole or as it was."""
    given.out.mkdir(parents=True, exist_ok=True)
    part = given.out / "campaign.part"
    with tarfile.open(part, "w") as tar:
        for folder in ("results", "failed"):
            if (given.work / folder).is_dir():
                tar.add(given.work / folder, folder)
    part.replace(given.out / "campaign.tar")


def ended(code: int, run: Running, given: argparse.Namespace, began: float) -> None:
    now = time.monotonic()
    label = f"{now - began:6.1f} s  {run.job.name} seed {run.job.seed} {run.job.method}: {now - run.began:.1f} s"
    if code == 0:
        print(label, flush=True)
        return
    lines = run.log.read_text(encoding="utf-8", errors="replace").splitlines()
    (given.work / "failed").mkdir(exist_ok=True)
    (given.work / "failed" / run.log.name).write_text("\n".join(lines[-60:]), encoding="utf-8")
    print(f"{label}, FAILED ({code}): {' | '.join(lines[-2:])[-300:]}", flush=True)


def run_all(jobs: list[Job], given: argparse.Namespace) -> None:
    began = time.monotonic()
    fork = given.fork and can_fork(given.scratch)
    print(f"{len(jobs)} jobs, {given.workers} at a time, {'forked' if fork else 'each started anew'}", flush=True)
    waiting, running, done = list(jobs), dict[int, Running](), 0
    took: dict[tuple[str, str], float] = {}
    while True:
        spent = time.monotonic() - began
        left = given.seconds + given.grace - spent if spent < given.seconds else 0.0
        fitting = [job for job in waiting if took.get((job.name, job.method), 0.0) < left]
        if not running and not fitting:
            break
        for job in fitting[: given.workers - len(running)]:
            waiting.remove(job)
            log = given.scratch / f"{job.name}-{job.seed}-{slug(job.method)}.log"
            running[start(job, log, given, fork)] = Running(job, log, time.monotonic())
        if spent > given.seconds + given.grace:
            for child in running:
                os.killpg(child, signal.SIGKILL)
        child, status = os.waitpid(-1, os.WNOHANG) if running else (0, 0)
        if child == 0:
            time.sleep(PAUSE_SECONDS)
            continue
        if child in running:
            run = running.pop(child)
            took[run.job.name, run.job.method] = time.monotonic() - run.began
            ended(os.waitstatus_to_exitcode(status), run, given, began)
            done += 1
            if done % PACK_EVERY_JOBS == 0:
                pack(given)
    pack(given)
    print(f"{done} jobs in {time.monotonic() - began:.0f} s, {len(waiting)} left", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plan", choices=PLANS)
    parser.add_argument("--data", type=Path, required=True, help="holds taobao, clinc150 and insurance")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--scratch", type=Path, help="for copies of projects (default: in the work folder)")
    parser.add_argument("--workers", type=int, default=14)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=420.0)
    parser.add_argument("--grace", type=float, default=45.0)
    parser.add_argument("--only", default="", help="regular expression on `name seed method`")
    parser.add_argument("--python", action="append", default=[], metavar="METHOD=PATH")
    parser.add_argument("--no-fork", dest="fork", action="store_false")
    parser.add_argument("--projects", action="store_true", help="only make the projects")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    given.in_process = True
    given.scratch = given.scratch or given.work / "scratch"
    given.scratch.mkdir(parents=True, exist_ok=True)
    if given.one:
        one(Job(*json.loads(given.one)), given)
        return
    chosen = [job for job in PLANS[given.plan]() if re.search(given.only, f"{job.name} {job.seed} {job.method}")]
    jobs = [job for job in dict.fromkeys(chosen) if not result_path(given.work, job).exists()]
    make_projects(jobs, given)
    if not given.projects:
        import_all(jobs, given)
        run_all(jobs, given)


if __name__ == "__main__":
    main()
