"""With the network switched off, no thread can open a socket."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading

import pytest

from vlbench.offline import OfflineError, offline


@pytest.mark.parametrize(
    "ask",
    [
        lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM),
        lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM),
        lambda: socket.create_connection(("127.0.0.1", 9)),
        lambda: socket.getaddrinfo("localhost", 80),
        lambda: socket.gethostbyname("localhost"),
    ],
)
def test_no_socket_opens_in_this_thread_or_in_another(ask) -> None:
    caught: list[BaseException] = []

    def elsewhere() -> None:
        try:
            ask()
        except BaseException as error:
            caught.append(error)

    with offline():
        with pytest.raises(OfflineError, match="vlbench prepare"):
            ask()
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert [type(error) for error in caught] == [OfflineError]


def test_afterwards_sockets_open_again_and_the_environment_is_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("TRANSFORMERS_OFFLINE", "0")
    with offline():
        assert os.environ["HF_HUB_OFFLINE"] == os.environ["TRANSFORMERS_OFFLINE"] == "1"
        pair = socket.socketpair()  # between two ends on this machine
    for end in (*pair, socket.socket(socket.AF_INET, socket.SOCK_STREAM)):
        end.close()
    assert "HF_HUB_OFFLINE" not in os.environ
    assert os.environ["TRANSFORMERS_OFFLINE"] == "0"


@pytest.mark.parametrize("first", ["huggingface_hub", "os"])
def test_the_hubs_client_is_told_whether_or_not_it_is_imported_already(first: str) -> None:
    code = (
        f"import {first}\nfrom vlbench.offline import offline\nwith offline():\n"
        "    import huggingface_hub.constants as constants\n    print(constants.HF_HUB_OFFLINE)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True"]
