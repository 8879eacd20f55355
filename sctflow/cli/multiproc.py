"""Nipype's MultiProc plugin with workers that start clean, keep to their threads and end.

Differences from the plugin it derives from:

* Workers are forked from a server process that holds no threads and has the libraries loaded,
  so that neither a progress bar nor an import costs time or safety.
* A worker that the system ends (memory) fails its step; the plugin would wait for it for ever.
  Steps that were caught up in it are tried once more, each in a process of its own.
* With ``low_mem`` each step has a process of its own, whose memory is given back when it ends,
  and no step starts unless the memory it foresees is really free.
* Workers leave when the main process is killed, so that they never write beside a later run.
* Random generators are seeded before every step, whichever worker gets it.
"""

import gc
import multiprocessing
import os
import random
import signal
import sys
import threading
from collections.abc import Iterable
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from nipype.pipeline.plugins.multiproc import MultiProcPlugin, run_node

from .resources import available_memory_gb, measure

PRELOADED = (
    "nipype.pipeline.engine",
    "nipype.pipeline.plugins.multiproc",
    "sctflow.cli.multiproc",
    "sctflow.core.morphometry",
    "sctflow.interfaces.bids",
    "sctflow.interfaces.centerline",
    "sctflow.interfaces.image",
    "sctflow.interfaces.morphometry",
    "sctflow.interfaces.reports",
    "sctflow.interfaces.segmentation",
    "sctflow.reports.figures",
)
KILLED = (
    "RuntimeError: the process of this step was ended from outside, twice; most often the memory "
    "was used up. Try --low-mem, fewer --nprocs or a smaller --mem."
)


class WorkersPlugin(MultiProcPlugin):
    """Runs each node in one of several worker processes.

    Parameters
    ----------
    plugin_args : dict
        Those of Nipype's MultiProc, ``low_mem``, and for the workers ``random_seed``,
        ``log_file`` and ``detailed_log``; ``record``, called with each node that a worker ran
        and what it took (see `sctflow.cli.resources.measure`).
    """

    def __init__(self, plugin_args: dict[str, Any]) -> None:
        super().__init__(plugin_args=plugin_args)
        self._retried: set[int] = set()
        self._single_pools: set[ProcessPoolExecutor] = set()
        self._ending = False
        self.pool = self._new_pool(self.processors)

    def run(self, graph: Any, config: dict, updatehash: bool = False) -> None:
        """Run the graph, without collecting as garbage what was there before.

        Nipype collects garbage before and after every step; with the libraries' objects among
        what is looked through, that takes 0.1 s each time, longer than many steps.
        """
        gc.collect()
        gc.freeze()
        try:
            super().run(graph, config, updatehash=updatehash)
        finally:
            gc.unfreeze()

    def _new_pool(self, size: int) -> ProcessPoolExecutor:
        args = self.plugin_args
        return ProcessPoolExecutor(
            max_workers=size,
            mp_context=multiprocessing.get_context("forkserver"),
            initializer=start_worker,
            initargs=(self._cwd, args.get("log_file"), args.get("detailed_log", False)),
        )

    def _submit_job(self, node: Any, updatehash: bool = False) -> int:
        self._taskid += 1
        task = (node, updatehash, self._taskid)
        if self.plugin_args.get("low_mem"):
            self._submit_alone(task)
            return self._taskid
        try:
            self._submit_to(self.pool, task)
        except BrokenExecutor:
            self.pool = self._new_pool(self.processors)
            self._submit_to(self.pool, task)
        return self._taskid

    def _submit_to(self, pool: ProcessPoolExecutor, task: tuple[Any, bool, int]) -> Future:
        future = pool.submit(run_seeded, *task, self.plugin_args.get("random_seed", 0))
        self._task_obj[task[-1]] = future
        future.add_done_callback(partial(self._finished, task))
        return future

    def _submit_alone(self, task: tuple[Any, bool, int]) -> None:
        pool = self._new_pool(1)
        self._single_pools.add(pool)
        self._submit_to(pool, task).add_done_callback(lambda _: self._retire(pool))

    def _retire(self, pool: ProcessPoolExecutor) -> None:
        self._single_pools.discard(pool)
        pool.shutdown(wait=False)

    def _check_resources(self, running_tasks: list) -> tuple[float, int, int]:
        memory, processors, gpus = super()._check_resources(running_tasks)
        if self.plugin_args.get("low_mem") and running_tasks:
            memory = min(memory, available_memory_gb())
        return memory, processors, gpus

    def _finished(self, task: tuple[Any, bool, int], future: Future) -> None:
        taskid = task[-1]
        if self._ending or future.cancelled():
            return
        error = future.exception()
        if error is None:
            result, measures = future.result()
            self._taskresult[taskid] = result
            if record := self.plugin_args.get("record"):
                record(task[0], measures)
        elif isinstance(error, BrokenExecutor) and taskid not in self._retried:
            self._retried.add(taskid)
            self._submit_alone(task)
        else:
            text = (
                KILLED if isinstance(error, BrokenExecutor) else f"{type(error).__name__}: {error}"
            )
            self._taskresult[taskid] = {"result": None, "traceback": [text], "taskid": taskid}

    def _postrun_check(self) -> None:
        for pool in (self.pool, *tuple(self._single_pools)):
            pool.shutdown()

    def terminate(self) -> None:
        """End the workers at once, whatever they are doing."""
        self._ending = True
        for pool in (self.pool, *tuple(self._single_pools)):
            # Executors have no public way to end running work before Python 3.14.
            processes = list((pool._processes or {}).values())
            pool.shutdown(wait=False, cancel_futures=True)
            for process in processes:
                process.kill()
            for process in processes:
                process.join()


def preload(modules: Iterable[str] = ()) -> None:
    """Start the server process that workers come from, so that it loads while we plan.

    Parameters
    ----------
    modules
        Modules to load besides `PRELOADED`.
    """
    from multiprocessing import forkserver

    multiprocessing.set_forkserver_preload([*PRELOADED, *modules])
    # Ctrl-C reaches every process of the terminal, and only the main one should answer. What is
    # ignored stays ignored in the server and in the workers.
    answer = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        forkserver.ensure_running()
    finally:
        signal.signal(signal.SIGINT, answer)


def start_worker(cwd: str, log_file: Path | None, detailed_log: bool) -> None:
    """Prepare a new worker process."""
    from .log import log_to_file

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    os.chdir(cwd)
    if log_file is not None:
        log_to_file(log_file, detailed=detailed_log)


def run_seeded(
    node: Any, updatehash: bool, taskid: int, random_seed: int
) -> tuple[dict[str, Any], dict[str, float]]:
    """Run a node with random generators in a known state; give its result and what it took."""
    import numpy as np

    random.seed(random_seed)
    # Libraries that were not given a generator use this one.
    np.random.seed(random_seed)  # noqa: NPY002
    if torch := sys.modules.get("torch"):
        torch.manual_seed(random_seed)
    return measure(partial(run_node, node, updatehash, taskid))


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
