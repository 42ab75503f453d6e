"""What tests do with other processes: see whether they live, wait for them, kill them."""

import os
import signal
import time

import psutil


def lives(pid):
    """True if the process is there, and more than an exit status that nobody has asked for.

    When the first of its threads has ended it is called a zombie, though the others may hold its files.
    """
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE or process.num_threads() > 1
    except psutil.NoSuchProcess:
        return False


def until(condition, what, seconds=20):
    """Wait for something that another process does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.01)


def written(client):
    """Wait until the server has handed all that it acknowledged to the operating system.

    While a synchronisation goes on it holds back what comes in, for up to two seconds.
    """
    until(lambda: client.info("persistence")["aof_buffer_length"] == 0, "the server's file is written")


def kill(pid):
    """The process dies at once, as by the out-of-memory killer, and this waits until it has."""
    os.kill(pid, signal.SIGKILL)
    until(lambda: not lives(pid), f"process {pid} is dead")
