"""Helpers for other processes: check that they run, wait for them, kill them."""

import os
import signal
import time

import psutil


def lives(pid):
    """Return True if the process runs, not if only its exit status is left.

    A process whose first thread has ended is called a zombie, although other threads may hold its files.
    """
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE or process.num_threads() > 1
    except psutil.NoSuchProcess:
        return False


def until(condition, what, seconds=20):
    """Wait until a condition holds, for example for an action of another process."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.01)


def written(client):
    """Wait until the server has passed all acknowledged writes to the operating system.

    During a synchronisation it holds back new writes for up to two seconds.
    """
    until(lambda: client.info("persistence")["aof_buffer_length"] == 0, "the server's file is written")


def kill(pid):
    """Kill the process as the out-of-memory killer does, and wait until it has ended."""
    os.kill(pid, signal.SIGKILL)
    until(lambda: not lives(pid), f"process {pid} has ended")
